"""Which functions give the text's numbers and the LaTeX tables: those that say so.

`@numbers` marks a function that gives numbers of the text, `@latex_table` one that
gives a LaTeX table. A function's parameters name the tables of results that it reads
(`head_patching.files.register`); parameters with a default are no tables. Nobody lists
these functions: they are found by their decorator in the modules of this folder, which
are not imported for that, so that the workflow may look, too.

A function that reads a table of one experiment, or takes `task`, is about one task: it
is called for each, its keys begin with the task's name, and its LaTeX tables are in a
folder of that name. Any other function is called once for the chapter.
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from head_patching.files.register import is_of_task, table_of
from head_patching.lookup import MODULES_USED

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

HERE = Path(__file__).parent
SUFFIX = "_table"  # of functions, not of the files that they give


def numbers(function: Decorated) -> Decorated:
    """Mark a function whose result is numbers of the text, by key."""
    return function


def latex_table(function: Decorated) -> Decorated:
    """Mark a function whose result is a LaTeX table; its file has the function's name.

    `roles_table` gives `roles.tex`.
    """
    return function


@dataclass(frozen=True)
class Found:
    """A marked function.

    Parameters
    ----------
    module, name
        Where it is: the module in this folder and the function's name.
    parameters
        Those without a default, in their order.
    """

    module: str
    name: str
    parameters: tuple[str, ...]

    @property
    def of_task(self) -> bool:
        """Whether it is about one task."""
        return "task" in self.parameters or any(map(is_of_task, self.parameters))

    @property
    def file(self) -> str:
        """The name of a LaTeX table's file, without its suffix."""
        return self.name.removesuffix(SUFFIX)

    @property
    def where(self) -> str:
        """The function's full name, as `trace` prints it."""
        return f"{__package__}.{self.module}.{self.name}"

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function itself; its module is imported."""
        module = f"{__package__}.{self.module}"
        MODULES_USED.add(module)
        return getattr(import_module(module), self.name)


def marked(decorator: Callable[..., Any], folder: Path = HERE) -> list[Found]:
    """The functions with a decorator in the modules of a folder, by file and line."""
    sources = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.py"))
    }
    return [
        Found(module, node.name, required_parameters(node))
        for module, source in sources.items()
        if f"@{decorator.__name__}" in source
        for node in functions(source)
        if any(ast.unparse(each) == decorator.__name__ for each in node.decorator_list)
    ]


@cache
def functions(source: str) -> list[ast.FunctionDef]:
    """The functions at the top of a module, from its text."""
    return [
        each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)
    ]


def latex_tables(*, of_task: bool) -> list[Found]:
    """The functions that give a LaTeX table, of one task or of the whole chapter."""
    return [each for each in marked(latex_table) if each.of_task == of_task]


def required_parameters(node: ast.FunctionDef) -> tuple[str, ...]:
    """The parameters of a function that have no default."""
    given = [*node.args.posonlyargs, *node.args.args]
    without = given[: len(given) - len(node.args.defaults)]
    keywords = [
        each
        for each, default in zip(
            node.args.kwonlyargs, node.args.kw_defaults, strict=True
        )
        if default is None
    ]
    return tuple(each.arg for each in (*without, *keywords))


def tables_read(functions: Iterable[Found]) -> list[str]:
    """The tables that any of the functions reads, as their parameters name them."""
    found = {name for each in functions for name in each.parameters if table_of(name)}
    return sorted(found)
