"""Which result files a number was computed from: those that were read for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from head_patching.reporting.head_numbers import Numbers
from head_patching.reporting.sources import Results


@dataclass(frozen=True)
class Sourced:
    """A number of the text as it is printed, and the files it was computed from."""

    text: str
    files: tuple[str, ...]


class WatchedResults(Results):
    """Results that note which of their files are looked at."""

    def __getattribute__(self, name: str) -> Any:
        # Not `self.paths`: this method would call itself.
        fields = super().__getattribute__("__dict__")
        if name in fields["paths"]:
            fields["looked_at"].add(fields["paths"][name])
        return super().__getattribute__(name)


def sourced(
    results: Results, compute: Callable[[Results], Numbers]
) -> dict[str, Sourced]:
    """The numbers that a function computes, each with the files that it looked at."""
    watched = WatchedResults(**vars(results))
    looked_at: set[str] = set()
    vars(watched)["looked_at"] = looked_at
    numbers = compute(watched)
    files = tuple(sorted(looked_at))
    return {key: Sourced(text, files) for key, text in numbers.items()}
