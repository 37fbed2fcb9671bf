"""A task's description: how its pairs are made, and what to measure on them.

A task is one file in this folder, which ends with `TASK = Task(...)`. No other module
names it: the config does, and everything downstream reads this description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from head_patching.tasks.pairs import PromptPairs


@dataclass(frozen=True)
class Step:
    """One step of tracing paths backwards: into some inputs of the heads of a role.

    `inputs` is `q`, `k` or `v`, read at each prompt's own `position`.
    """

    criterion: str
    role: str
    inputs: str
    position: str


@dataclass(frozen=True)
class Signal:
    """One signal from the heads of the role `senders` to the receivers of a step.

    Measured with a `corruption` that changes this signal and leaves the others.
    """

    criterion: str
    corruption: str
    senders: str
    step: str  # criterion of the step


@dataclass(frozen=True)
class Tracing:
    """How the circuit is traced, from the answer backwards.

    The first step is always the direct path to the logits; the heads found by it and by
    each step are the receivers of the next. `knocked_out` is the role whose heads are
    knocked out together, to find the heads that take over. Candidates of a step are
    also asked with the corruptions `also_asked`.
    """

    corruption: str
    steps: tuple[Step, ...] = ()
    knocked_out: str | None = None
    signals: tuple[Signal, ...] = ()
    also_asked: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles whose heads steps, signals and the knock-out need."""
        named = [step.role for step in self.steps]
        named += [signal.senders for signal in self.signals]
        named += [self.knocked_out] if self.knocked_out else []
        return tuple(dict.fromkeys(map(str, named)))

    @property
    def asked(self) -> tuple[str, ...]:
        """The corruptions with which candidates of a step are asked."""
        return (self.corruption, *self.also_asked)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """All corruptions that are needed; that of the steps comes first."""
        of_signals = (signal.corruption for signal in self.signals)
        names = (*self.asked, *of_signals)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Task:
    """A task: how its pairs are made, and what is measured on them.

    Parameters
    ----------
    build
        `build(tokenizer, n_pairs, corruption, seed, prepend_bos)` gives `PromptPairs`.
        The clean prompts and both answers may not depend on the corruption.
    corruptions
        Names of its corruptions.
    position_names
        Names of the token positions of every prompt; the last is `END`.
    tracing
        Paths that are patched after the heads.
    attention
        Attention to measure: criterion -> query position, key positions (summed).
    copied
        Positions of the tokens that heads might copy.
    """

    name: str
    build: Callable[..., PromptPairs]
    corruptions: tuple[str, ...]
    position_names: tuple[str, ...]
    tracing: Tracing
    attention: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    copied: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for corruption in self.tracing.corruptions:
            if corruption not in self.corruptions:
                raise ValueError(
                    f"task {self.name!r} is traced with corruption {corruption!r}, "
                    f"which it does not have: {', '.join(self.corruptions)}"
                )
        used = {step.position for step in self.tracing.steps} | {*self.copied}
        for query, keys in self.attention.values():
            used |= {query, *keys}
        for position in sorted(used - {*self.position_names}):
            raise ValueError(
                f"task {self.name!r} measures at position {position!r}, which it does "
                f"not name: {', '.join(self.position_names)}"
            )
