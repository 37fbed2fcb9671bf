"""The files that a piece of the workflow is made of: a module's import closure.

Snakemake reruns a rule when an input file changes, but does not look into the modules
that its command imports. So the workflow asks here for these files and declares them
as inputs: a changed `patching/deltas.py` reruns the patching, and nothing else.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Where the top-level packages lie, relative to the root of the repository.
PACKAGES = {"head_patching": Path("src/head_patching"), "figures": Path("figures")}


def module_sources(module: str, root: Path = Path()) -> list[str]:
    """Paths of all files that importing `module` can read, sorted.

    Imports inside functions count, for that is where subcommands keep the slow ones.
    A data file (a style sheet, a table) belongs to the modules it lies beside.

    Parameters
    ----------
    module
        Dotted name, such as `head_patching.commands.patch` or `figures.head_effects`.
    root
        Root of the repository; the paths returned are relative to it.

    Raises
    ------
    FileNotFoundError
        When there is no such module below `root`.
    """
    if _file_of(module, root) is None:
        raise FileNotFoundError(f"no module {module} below {root.absolute()}")
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _imports(name, root)
    files = {path for name in seen if (path := _file_of(name, root))}
    files |= {data for path in files for data in _data_beside(path.parent)}
    return sorted(path.relative_to(root).as_posix() for path in files)


@cache
def _file_of(module: str, root: Path) -> Path | None:
    """The file of a module of ours; None for other modules and for attributes."""
    package, *rest = module.split(".")
    if package not in PACKAGES:
        return None
    path = root / PACKAGES[package] / Path(*rest)
    candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file for file in candidates if file.is_file()), None)


@cache
def _imports(module: str, root: Path) -> tuple[str, ...]:
    """Modules of ours that `module` names in an import, and the packages around them.

    In `from a.b import c`, c may be a module or something in it: both are returned,
    and what is no file drops out later.
    """
    file = _file_of(module, root)
    if file is None:
        return ()
    is_package = file.name == "__init__.py"
    names = set(_parents(module))
    for node in _statements(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = module.split(".")
                around = around[: len(around) - node.level + is_package]
                base = ".".join([*around, *([base] if base else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return tuple(sorted(name for name in names if name.split(".")[0] in PACKAGES))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; expressions, which hold none, are not entered."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def _parents(module: str) -> Iterator[str]:
    """`a.b`, `a` for `a.b.c`: Python imports these first."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


@cache
def _data_beside(folder: Path) -> tuple[Path, ...]:
    """Files in a package's folder that are not Python's."""

    def is_data(path: Path) -> bool:
        hidden = path.name.startswith(".") or path.name.endswith("~")
        return path.is_file() and not hidden and path.suffix not in {".py", ".pyc"}

    return tuple(filter(is_data, folder.iterdir()))
