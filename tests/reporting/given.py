"""Tables in memory, given to functions as the chapter gives them theirs."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from head_patching.files.register import TABLES
from head_patching.files.tables import read_table
from head_patching.reporting.sources import arguments
from head_patching.tasks import tasks


class GivenTables:
    """Tables of each task; tables that belong to no task are those of the first.

    A table is an item, too: `tables["effects"]` is that of the first task.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]]) -> None:
        self.given = given
        self.tasks = [*given]
        self.corruptions = [
            name for task in tasks().values() for name in task.corruptions
        ]

    def __getitem__(self, name: str) -> Any:
        return self.table(name)

    def table(self, name: str, task: str = "") -> Any:
        """A table of a task."""
        return self.given[task or self.tasks[0]][name]

    def by_task(self, name: str) -> dict[str, Any]:
        """A table of every task."""
        return {task: self.given[task][name] for task in self.tasks}

    def path(self, name: str, task: str = "") -> Path:
        """Where the table would be, in a folder of its task."""
        return Path(task or self.tasks[0]) / Path(TABLES[name].file)

    def but(self, **tables: Any) -> "GivenTables":
        """With other tables in place of some of the first task's."""
        first, *_ = self.tasks
        return GivenTables({**self.given, first: {**self.given[first], **tables}})

    def __add__(self, other: "GivenTables") -> "GivenTables":
        """The tables of both, those of these tasks first."""
        return GivenTables({**self.given, **other.given})

    def call(self, function: Callable[..., Any], **options: Any) -> Any:
        """The function's result for the first task; options are no tables."""
        parameters = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is parameter.empty
        ]
        return function(**arguments(parameters, self, self.tasks[0]), **options)


def read_folder(folder: Path) -> GivenTables:
    """The tables in a folder of `write_results`, read as the chapter's are."""
    paths = {name: folder / Path(table.file).name for name, table in TABLES.items()}
    read = {n: read_table(n, path) for n, path in paths.items() if path.is_file()}
    return GivenTables({read["pairs"].header["task"]: read})


def body(latex: str) -> list[list[str]]:
    """The cells between \\midrule and \\bottomrule."""
    inner = latex.split("\\midrule\n")[1].split("\\bottomrule")[0]
    rows = [line.removesuffix(" \\\\") for line in inner.strip().split("\n")]
    return [row.split(" & ") for row in rows]
