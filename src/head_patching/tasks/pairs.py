"""Prompt pairs, the unit of every experiment."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from head_patching.files.pairs_file import read_records, to_lines
from head_patching.files.recorded import require_recorded
from head_patching.files.writing import atomic


@dataclass(frozen=True)
class PromptPair:
    """A clean and a corrupt prompt of equal token length, with the two answers.

    Both prompts end right before the answer. `answer` completes the clean prompt,
    `wrong_answer` is the alternative; logit_diff is always answer minus wrong answer,
    in the corrupt run too. `positions` names token positions (counted with the BOS, if
    any), which are equal in both prompts; `template` is the group for the bootstrap.
    """

    clean: str
    corrupt: str
    clean_tokens: tuple[int, ...]
    corrupt_tokens: tuple[int, ...]
    answer: str
    wrong_answer: str
    answer_token: int
    wrong_answer_token: int
    positions: dict[str, int]
    template: str

    def __post_init__(self) -> None:
        where = f"pair {self.clean!r}"
        n_clean, n_corrupt = len(self.clean_tokens), len(self.corrupt_tokens)
        if n_clean != n_corrupt:
            raise ValueError(
                f"{where} has {n_clean} tokens, its corrupt prompt {self.corrupt!r} has"
                f" {n_corrupt}: equal lengths are needed"
            )
        if self.clean == self.corrupt or self.clean_tokens == self.corrupt_tokens:
            raise ValueError(
                f"{where}: the corrupt prompt is the same as the clean one"
            )
        answer_tokens = (self.answer_token, self.wrong_answer_token)
        if self.answer == self.wrong_answer or len(set(answer_tokens)) == 1:
            raise ValueError(
                f"{where}: answer and wrong answer are the same"
                f" ({self.answer!r}, token {self.answer_token})"
            )
        if min(*self.clean_tokens, *self.corrupt_tokens, *answer_tokens) < 0:
            raise ValueError(f"{where}: a token is negative")
        for name, position in self.positions.items():
            if not 0 <= position < n_clean:
                raise ValueError(
                    f"{where}: position {name!r} is {position}:"
                    f" allowed: 0 to {n_clean - 1}"
                )


def first_difference(pair: PromptPair) -> int:
    """The first position in which the clean and the corrupt tokens differ.

    In a causal model nothing before it can differ between the two runs.
    """
    return next(
        position
        for position, (clean, corrupt) in enumerate(
            zip(pair.clean_tokens, pair.corrupt_tokens, strict=True)
        )
        if clean != corrupt
    )


@dataclass(frozen=True)
class PromptPairs:
    """The pairs of one task and corruption, and the settings that made them."""

    task: str
    corruption: str
    prepend_bos: bool
    seed: int
    pairs: tuple[PromptPair, ...]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed: whole numbers from 0")
        if not self.pairs:
            raise ValueError("there are no prompt pairs: at least one is needed")
        for pair in self.pairs:
            if tuple(pair.positions) != self.position_names:
                raise ValueError(
                    f"pair {pair.clean!r} names the positions {list(pair.positions)},"
                    f" the first pair {list(self.position_names)}"
                )

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[PromptPair]:
        return iter(self.pairs)

    def __getitem__(self, index: int) -> PromptPair:
        return self.pairs[index]

    @property
    def position_names(self) -> tuple[str, ...]:
        """The names of the token positions, which all pairs share."""
        return tuple(self.pairs[0].positions)

    @property
    def templates(self) -> tuple[str, ...]:
        """Each pair's template, in the order of the pairs."""
        return tuple(pair.template for pair in self.pairs)

    def select(self, indices: Iterable[int]) -> "PromptPairs":
        """The pairs with these indices, in the order given."""
        chosen = tuple(indices)
        for index in chosen:
            if not 0 <= index < len(self):
                raise ValueError(
                    f"pair index {index} is not there: allowed: 0 to {len(self) - 1}"
                )
        return replace(self, pairs=tuple(self.pairs[index] for index in chosen))

    def write(self, path: Path | str) -> None:
        """Writes the pairs as JSON lines; equal pairs give equal bytes."""
        header = {
            "task": self.task,
            "corruption": self.corruption,
            "prepend_bos": self.prepend_bos,
            "seed": self.seed,
        }
        lines = to_lines(header, [asdict(pair) for pair in self.pairs])
        with atomic(Path(path)) as temporary:
            temporary.write_text(lines, encoding="ascii", newline="\n")

    @classmethod
    def read(cls, path: Path | str) -> "PromptPairs":
        """The pairs in a file that `write` made.

        Raises ValueError, one line naming the file, for anything else.
        """
        header, records = read_records(Path(path))
        require_recorded(path)
        try:
            pairs = tuple(
                PromptPair(
                    **record
                    | {
                        "clean_tokens": tuple(record["clean_tokens"]),
                        "corrupt_tokens": tuple(record["corrupt_tokens"]),
                    }
                )
                for record in records
            )
            return cls(**header, pairs=pairs)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


@runtime_checkable
class HasPairs(Protocol):
    """A dataset that patching can use."""

    def get_clean_corrupt_pairs(self) -> PromptPairs: ...
