"""Tasks: a tokenizer in, prompt pairs out. A new task is one file and one entry."""

from collections.abc import Callable
from dataclasses import dataclass

from head_patching.tasks.corruptions import CORRUPTIONS
from head_patching.tasks.ioi import POSITION_NAMES, IOIDataset, ioi_pairs
from head_patching.tasks.lookup import find
from head_patching.tasks.pairs import PromptPair, PromptPairs, first_difference

__all__ = [
    "TASKS",
    "IOIDataset",
    "PromptPair",
    "PromptPairs",
    "Task",
    "find_task",
    "first_difference",
]


@dataclass(frozen=True)
class Task:
    """A task's name, what makes its pairs, and what may be asked of it.

    `build(tokenizer, n_pairs, corruption, seed, prepend_bos)` gives the `PromptPairs`.
    """

    name: str
    build: Callable[..., PromptPairs]
    corruptions: tuple[str, ...]
    position_names: tuple[str, ...]


TASKS = {"ioi": Task("ioi", ioi_pairs, tuple(CORRUPTIONS), POSITION_NAMES)}


def find_task(name: str) -> Task:
    """The task of that name; ValueError names the nearest right name."""
    return find("task", name, TASKS)
