"""What a planted model's tokenizer knows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """All words, one token each; some of them are names."""

    all: Sequence[str]
    names: Collection[str]
