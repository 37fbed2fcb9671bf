"""The words of all prompts, which are the vocabulary of planted models."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from head_patching.tasks.ioi_templates import NAMES, prompt_words


@dataclass(frozen=True)
class Words:
    """All words, one token each; some of them are names."""

    all: Sequence[str]
    names: Collection[str]


WORDS = Words(prompt_words(), NAMES)
