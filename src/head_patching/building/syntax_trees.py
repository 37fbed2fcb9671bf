"""Hashes of syntax trees without docstrings and help texts, and what modules import."""

import ast
import hashlib
from collections.abc import Iterator

# Keywords of these calls are shown by `--help` and change no result.
HELP = {
    "Option": {"help", "metavar"},
    "Argument": {"help", "metavar"},
    "Typer": {"help", "epilog"},
    "add_argument": {"help", "metavar"},
    "ArgumentParser": {"description", "epilog"},
}


def imports(module: str, tree: ast.Module, *, is_package: bool) -> list[str]:
    """Names that a module imports, and the packages around it.

    In `from a.b import c`, c may be a module or something in it: both are returned.
    """
    parts = module.split(".")
    names = {".".join(parts[:end]) for end in range(1, len(parts))}
    for node in statements(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = parts[: len(parts) - node.level + is_package]
                base = ".".join([*around, *([base] if base else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return sorted(names)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; expressions, which hold none, are not entered."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


def tree_hash(tree: ast.AST) -> str:
    """Hash of a syntax tree, the same for all versions of Python that parse it equally.

    Examples
    --------
    >>> one = ast.parse("def f(x):\\n    '''Twice x.'''\\n    return 2 * x")
    >>> other = ast.parse("def f(x):  # doubled\\n    return (2 * x)")
    >>> tree_hash(one) == tree_hash(other) != tree_hash(ast.parse("2 * x"))
    True
    """
    words: list[str] = []
    write_tree(tree, words)
    return short("\0".join(words).encode())


def write_tree(node: object, words: list[str]) -> None:
    """Append a node as words: its type, then its fields that are not empty."""
    if not isinstance(node, ast.AST):
        words.append(repr(node))
        return
    words.append(type(node).__name__)
    for name, value in ast.iter_fields(node):
        if value is None or value == [] or name in ("type_comment", "type_ignores"):
            continue
        words.append(name)
        for item in value if isinstance(value, list) else [value]:
            if not (is_text_alone(item) or is_help(item, node)):
                write_tree(item, words)
    words.append(")")


def is_text_alone(node: object) -> bool:
    """Whether a statement is a text: a docstring, or one below an attribute."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def is_help(node: object, call: ast.AST) -> bool:
    """Whether a keyword of a call is shown by `--help` alone."""
    if not isinstance(node, ast.keyword) or not isinstance(call, ast.Call):
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return node.arg in HELP.get(name, ())


def short(content: bytes) -> str:
    """The first 16 digits of the SHA-256, enough to distinguish versions of a file."""
    return hashlib.sha256(content).hexdigest()[:16]
