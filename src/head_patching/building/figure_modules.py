"""Which figures a build draws: those of the modules that have a function `draw`.

The tables that `draw` takes say the rest. A figure is drawn for each task if a table
of one experiment is among them, and only where there are several models if a table
that compares them is. A module that is about one task alone names it as `TASK`.
"""

import ast
from collections.abc import Sequence
from pathlib import Path

from head_patching.files.register import inputs_of, is_of_task, table_of
from head_patching.files.table import Scope

DRAW = "draw"


def figures(
    folder: Path, tasks: Sequence[str], n_models: int
) -> dict[str, tuple[str, ...]]:
    """The tables that each figure is drawn from; a task's are named `task/figure`.

    Parameters
    ----------
    folder
        That of the modules, which are not imported.
    tasks, n_models
        The tasks of the build, and how many models it is about.
    """
    found = {}
    for path in sorted(folder.glob("*.py")):
        constants, functions = top_level(path)
        if DRAW not in functions:
            continue
        tables = inputs_of(path, DRAW)
        if n_models == 1 and any(is_comparison(name) for name in tables):
            continue
        names = [path.stem]
        if any(is_of_task(name) for name in tables):
            own = constants.get("TASK")
            names = [f"{task}/{path.stem}" for task in tasks if own in (None, task)]
        found |= dict.fromkeys(names, tables)
    return found


def top_level(path: Path) -> tuple[dict[str, object], set[str]]:
    """The constants of a module and the names of its functions."""
    constants: dict[str, object] = {}
    functions = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            functions.add(node.name)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [name for name in node.targets if isinstance(name, ast.Name)]
            constants |= {name.id: node.value.value for name in names}
    return constants, functions


def is_comparison(parameter: str) -> bool:
    """Whether a table compares the models of a build."""
    table = table_of(parameter)
    return table is not None and table.scope == Scope.COMPARISON
