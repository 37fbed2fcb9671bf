"""Tasks: a tokenizer in, prompt pairs out. A new task is one file in this folder."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from head_patching.lookup import MODULES_USED, find
from head_patching.tasks.pairs import PromptPair, PromptPairs, first_difference
from head_patching.tasks.task import Signal, Step, Task, Tracing

__all__ = [
    "PromptPair",
    "PromptPairs",
    "Signal",
    "Step",
    "Task",
    "Tracing",
    "find_task",
    "first_difference",
    "tasks",
]


@cache
def tasks() -> Mapping[str, Task]:
    """All tasks by name: those of the files in this folder that define `TASK`."""
    modules = [
        import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    found = [module.TASK for module in modules if hasattr(module, "TASK")]
    return {task.name: task for task in found}


def find_task(name: str) -> Task:
    """The task of that name; ValueError names the nearest right name."""
    task = find("task", name, tasks())
    MODULES_USED.add(f"{__name__}.{name}")
    return task
