"""What a task is: how its pairs are made, and what to measure on them.

A task is one file in this folder, which ends with `TASK = Task(...)`. Nothing else
knows it: the config names it, and everything downstream reads what it says here.
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
    """What heads of the role `senders` tell the heads that a step ends at.

    Measured with a `corruption` that moves one thing and leaves the others.
    """

    criterion: str
    corruption: str
    senders: str
    step: str  # criterion of the step


@dataclass(frozen=True)
class Tracing:
    """How the circuit is traced, from the answer backwards.

    The first step is always the way to the logits; the heads found by it and by each
    step are the receivers of the next. `knocked_out` is the role whose heads are
    knocked out together, to find what takes over.
    """

    corruption: str
    steps: tuple[Step, ...] = ()
    knocked_out: str | None = None
    signals: tuple[Signal, ...] = ()

    @property
    def corruptions(self) -> tuple[str, ...]:
        """All corruptions that are needed, that of the steps first."""
        names = (self.corruption, *(signal.corruption for signal in self.signals))
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Task:
    """A task's name, what makes its pairs, and what may be asked of it.

    Parameters
    ----------
    build
        `build(tokenizer, n_pairs, corruption, seed, prepend_bos)` gives `PromptPairs`.
        The clean prompts and both answers may not depend on the corruption.
    corruptions
        Their names.
    position_names
        What every prompt names; the last is `END`.
    tracing
        Paths that are patched after the heads.
    attention
        Attention to measure: criterion -> from which position, to which (added up).
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
        asked = {step.position for step in self.tracing.steps} | {*self.copied}
        for query, keys in self.attention.values():
            asked |= {query, *keys}
        for position in sorted(asked - {*self.position_names}):
            raise ValueError(
                f"task {self.name!r} measures at position {position!r}, which it does "
                f"not name: {', '.join(self.position_names)}"
            )
