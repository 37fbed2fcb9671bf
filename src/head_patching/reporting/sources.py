"""The tables of a chapter, by name: each is read once, when a function needs it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from head_patching.files.folders import Folders
from head_patching.files.register import BY_TASK, table_of
from head_patching.files.tables import read_table


@runtime_checkable
class Tables(Protocol):
    """Tables of results by name, and of which tasks there are any.

    `corruptions` are the names of the corruptions of all tasks: the text has a sentence
    for each, and numbers say which of them applies.
    """

    tasks: Sequence[str]
    corruptions: Sequence[str]

    def table(self, name: str, task: str = "") -> Any:
        """A table, of the given task where each task has its own."""

    def by_task(self, name: str) -> dict[str, Any]:
        """A table of every task."""

    def path(self, name: str, task: str = "") -> Path:
        """The file that the table is read from."""


class TablesInFolders:
    """Tables in the folders of a build.

    Parameters
    ----------
    folders
        Where each table is.
    corruptions
        The names of the corruptions of all tasks.
    """

    def __init__(self, folders: Folders, corruptions: Sequence[str]) -> None:
        self.folders = folders
        self.tasks = [*folders.experiments]
        self.corruptions = corruptions
        self._read = cache(read_table)

    def table(self, name: str, task: str = "") -> Any:
        """A table as `read_table` gives it."""
        return self._read(name, self.path(name, task))

    def by_task(self, name: str) -> dict[str, Any]:
        """A table of every task."""
        return {task: self.table(name, task) for task in self.tasks}

    def path(self, name: str, task: str = "") -> Path:
        """The file of a table."""
        return self.folders.path(name, task)


def arguments(
    parameters: Iterable[str], tables: Tables, task: str = ""
) -> Mapping[str, Any]:
    """The value of each parameter of a function about results.

    A parameter is a table's name; `X_by_task`, table X of every task by the task's
    name; `task`, the task's name; or `corruptions`, as in `Tables`.

    Raises
    ------
    TypeError
        When a parameter is none of these.
    """
    given: dict[str, Any] = {"task": task, "corruptions": tables.corruptions}
    for parameter in parameters:
        table = table_of(parameter)
        if table is None:
            if parameter not in given:
                raise TypeError(f"there is no table {parameter!r} in the register")
        elif parameter.endswith(BY_TASK):
            given[parameter] = tables.by_task(table.name)
        else:
            given[parameter] = tables.table(table.name, task)
    return {parameter: given[parameter] for parameter in parameters}


def files(parameters: Iterable[str], tables: Tables, task: str = "") -> tuple[str, ...]:
    """The files that the parameters are read from, by path."""
    found = set()
    for parameter in parameters:
        table = table_of(parameter)
        if table is not None:
            tasks = tables.tasks if parameter.endswith(BY_TASK) else [task]
            found |= {tables.path(table.name, each).as_posix() for each in tasks}
    return tuple(sorted(found))
