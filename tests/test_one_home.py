"""Each list of names has one home: tables the register, roles and patch types `terms`.

Read from the syntax trees of `src/` and `figures/` and from the tokens of the workflow,
so that a copy is found before a change forgets it.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from head_patching.files.register import TABLES
from head_patching.terms import PATCH_TYPES, ROLES

ROOT = Path(__file__).parents[1]
HOMES = ("src/head_patching/terms.py", "src/head_patching/files/register.py")
KINDS = {
    "tables": frozenset(TABLES),
    "roles": frozenset(ROLES),
    "patch types": frozenset(PATCH_TYPES),
}

# Where two names side by side are not a copy: (file, names) -> reason.
EXCEPTIONS: dict[tuple[str, frozenset[str]], str] = {
    (
        "src/head_patching/roles/published.py",
        frozenset(set(ROLES) - {"copy suppression of S"}),
    ): "Wang et al.'s table of heads, and the sections that it is from",
    (
        "src/head_patching/roles/published.py",
        frozenset({"name mover", "negative name mover", "S-inhibition"}),
    ): "the values that they publish",
}

PYTHON = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("figures/**/*.py")])
WORKFLOW = sorted([ROOT / "Snakefile", *ROOT.glob("workflow/**/*.smk")])


def constants(nodes: list[ast.expr | None]) -> set[str]:
    """The texts among the elements of a literal, those of tuples in it included."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def literals(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """The texts in each list, tuple, set, dict (keys, values) and regex of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield node.lineno, constants(node.elts)
            # Rows of a table: the same column of all rows.
            rows = [e.elts for e in node.elts if isinstance(e, ast.Tuple | ast.List)]
            for column in zip(*rows, strict=False):
                yield node.lineno, constants(list(column))
        elif isinstance(node, ast.Dict):
            yield node.lineno, constants(node.keys)
            yield node.lineno, constants(node.values)
        elif isinstance(node, ast.MatchOr):
            values = [each.value for each in node.patterns if hasattr(each, "value")]
            yield node.lineno, constants(values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, alternatives(node.value)
            yield node.lineno, words_alone(node.value)


def alternatives(text: str) -> set[str]:
    """The words between bars of a regular expression.

    Examples
    --------
    >>> sorted(alternatives("(output|q)"))
    ['output', 'q']
    """
    words = re.split(r"[|()?:^$]+", text) if "|" in text else []
    return set(filter(None, words))


def words_alone(text: str) -> set[str]:
    """The words of a text that has nothing but names, as `"a b".split()` would.

    Examples
    --------
    >>> sorted(words_alone("effects roles")), words_alone("the roles of heads")
    (['effects', 'roles'], set())
    """
    words = set(text.split())
    return words if any(words <= names for names in KINDS.values()) else set()


def bracketed(path: Path) -> Iterator[tuple[int, set[str]]]:
    """The texts in each pair of brackets of a Snakemake file, and its regexes.

    Brackets of a call are left out: its arguments are no list.
    """
    open_brackets: list[tuple[int, set[str], bool]] = []
    before = None
    source = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.OP and token.string in "([{":
            called = before is not None and before not in ("in", "return", "=")
            called = called and token.string == "("
            open_brackets.append((token.start[0], set(), called))
        elif token.type == tokenize.OP and token.string in ")]}":
            line, texts, called = open_brackets.pop()
            if not called:
                yield line, texts
        elif token.type == tokenize.STRING and not token.string.lower().startswith("f"):
            text = ast.literal_eval(token.string)
            yield token.start[0], alternatives(text)
            if open_brackets:
                open_brackets[-1][1].add(text)
        before = token.string if token.type == tokenize.NAME else None


def copies(path: Path, found: Iterator[tuple[int, set[str]]]) -> Iterator[str]:
    """The literals of a file that hold two or more names of one kind."""
    file = path.relative_to(ROOT).as_posix()
    for line, texts in found:
        for kind, names in KINDS.items():
            held = frozenset(texts & names)
            if len(held) > 1 and (file, held) not in EXCEPTIONS:
                yield f"{file}:{line} lists {kind}: {', '.join(sorted(held))}"


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_listed_once(kind):
    found = []
    for path in PYTHON:
        if path.relative_to(ROOT).as_posix() not in HOMES:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += copies(path, literals(tree))
    for path in WORKFLOW:
        found += copies(path, bracketed(path))
    assert [line for line in found if f" lists {kind}: " in line] == []


def test_no_exception_is_left_over():
    seen = set()
    for path in PYTHON + WORKFLOW:
        file = path.relative_to(ROOT).as_posix()
        found = (
            bracketed(path)
            if path in WORKFLOW
            else literals(ast.parse(path.read_text(encoding="utf-8")))
        )
        for _, texts in found:
            seen |= {(file, frozenset(texts & names)) for names in KINDS.values()}
    assert set(EXCEPTIONS) - seen == set()


def test_a_head_is_named_by_one_function():
    found = []
    for path in PYTHON:
        file = path.relative_to(ROOT).as_posix()
        if file in HOMES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and formats_a_head(node):
                found.append(f"{file}:{node.lineno}")
            if isinstance(node, ast.Constant) and node.value in ("L%dH%d", "L{}H{}"):
                found.append(f"{file}:{node.lineno}")
    assert found == []


def formats_a_head(text: ast.JoinedStr) -> bool:
    """Whether an f-string holds L, a value, H, a value."""
    parts = text.values
    for first, second, third, fourth in zip(parts, parts[1:], parts[2:], parts[3:],
                                            strict=False):  # fmt: skip
        if (
            isinstance(first, ast.Constant)
            and isinstance(third, ast.Constant)
            and isinstance(second, ast.FormattedValue)
            and isinstance(fourth, ast.FormattedValue)
            and str(first.value).endswith("L")
            and third.value == "H"
        ):
            return True
    return False


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('x = ["effects", "roles"]', {"effects", "roles"}),
        ('x = ("q", "k")', {"q", "k"}),
        ('x = {"q": 1, "k": 2}', {"q", "k"}),
        ('x = [("effects", 1), ("roles", 2)]', {"effects", "roles"}),
        ('x = re.compile("(output|pattern)")', {"output", "pattern"}),
        ('x = "effects roles".split()', {"effects", "roles"}),
        ('match x:\n    case "q" | "k": pass', {"q", "k"}),
    ],
)
def test_copies_are_seen(source, texts):
    assert any(texts <= found for _, found in literals(ast.parse(source)))


def test_copies_in_the_workflow_are_seen(tmp_path):
    path = tmp_path / "rules.smk"
    path.write_text(
        'for name in ("effects", "roles"):\n    pass\n'
        'def f():\n    return ("model", "scores")\n'
        'x = f("pairs", "behaviour")\n'
        'wildcard_constraints:\n    t="output|pattern",\n'
    )
    found = [texts for _, texts in bracketed(path)]
    assert {"effects", "roles"} in found
    assert {"model", "scores"} in found
    assert {"output", "pattern"} in found
    assert {"pairs", "behaviour"} not in found  # the arguments of a call
