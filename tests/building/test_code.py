"""The code of a command: its whole import closure, and nothing that is only told."""

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from head_patching.building.code import (
    LOCKS,
    Code,
    packages_in,
    text_hash,
)
from head_patching.building.syntax_trees import tree_hash

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    f"head_patching.commands.{path.stem}"
    for path in (ROOT / "src/head_patching/commands").glob("[a-z]*.py")
)

# A package in which each module imports in another way.
FILES = {
    "__init__.py": "",
    "direct.py": "import head_patching.room.plain",
    "lazy.py": "def run():\n    from head_patching.room import plain",
    "name.py": "from head_patching.room.plain import value",
    "room/__init__.py": "from .shared import *",
    "room/plain.py": "value = 1",
    "room/relative.py": "from . import plain\nfrom .. import direct",
    "room/shared.py": "import numpy",
    "room/table.csv": "a,b",
    "room/.hidden": "",
    "other/alone.py": "",
}
ROOM = ["head_patching.room", "head_patching.room.plain", "head_patching.room.shared"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the package."""
    for name, text in FILES.items():
        path = tmp_path / "src/head_patching" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def hashes(project: Path, *modules: str) -> dict[str, str]:
    """Hash by module of ours and data file, as another process finds them."""
    code = Code(packages_in(project), project / "parsed.json")
    found = code.hashes(modules)
    code.keep()
    return {name: each for name, each in found.items() if name.startswith("head_")}


@pytest.mark.parametrize("module", ["direct", "lazy", "name"])
def test_every_way_to_import_counts(project: Path, module: str) -> None:
    found = hashes(project, f"head_patching.{module}")
    expected = {"head_patching", f"head_patching.{module}", *ROOM}
    assert set(found) == expected | {"head_patching/room/table.csv"}


def test_relative_imports_are_followed(project: Path) -> None:
    found = hashes(project, "head_patching.room.relative")
    assert {"head_patching.room.plain", "head_patching.direct"} <= set(found)
    assert "head_patching.other.alone" not in found


def test_unknown_module_is_an_error(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no module head_patching\.none"):
        hashes(project, "head_patching.none")


def test_only_what_was_changed_has_another_hash(project: Path) -> None:
    before = hashes(project, "head_patching.direct")
    (project / "src/head_patching/room/plain.py").write_text("value = 2")
    after = hashes(project, "head_patching.direct")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"head_patching.room.plain"}
    (project / "src/head_patching/room/table.csv").write_text("a,c")
    again = hashes(project, "head_patching.direct")
    changed = {name for name in after if again[name] != after[name]}
    assert changed == {"head_patching/room/table.csv"}


def test_a_new_import_adds_what_it_imports(project: Path) -> None:
    before = hashes(project, "head_patching.room.plain")
    file = project / "src/head_patching/room/plain.py"
    file.write_text("import head_patching.other.alone\nvalue = 1")
    after = hashes(project, "head_patching.room.plain")
    assert set(after) - set(before) == {"head_patching.other.alone"}


def test_what_another_process_parsed_is_not_parsed_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(project, "head_patching.direct")

    def refuse(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(ast, "parse", refuse)
    assert hashes(project, "head_patching.direct") == before


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"by": "another version"}'])
def test_a_damaged_memory_is_ignored(project: Path, damage: str) -> None:
    before = hashes(project, "head_patching.direct")
    (project / "parsed.json").write_text(damage)
    assert hashes(project, "head_patching.direct") == before


STATEMENTS = '''
"""A module."""
from typing import Annotated
import typer

Seed = Annotated[int, typer.Option(min=0, help="Seed.", metavar="N")]

def double(x: float) -> float:
    """Twice x."""
    return 2 * x  # doubled

class Box:
    """A box."""
    width: int = 1
    """In pixels."""
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# doubled", "# twice"),
        ("Twice x.", "x, doubled."),
        ('    """Twice x."""\n', ""),
        ("A module.", "Some module."),
        ("A box.", "What holds things."),
        ("In pixels.", "In points."),
        ("Seed.", "Of the draws."),
        ('metavar="N"', 'metavar="SEED"'),
        ("2 * x", "(2 * x)"),
        ('help="Seed."', "help='Seed.'"),
    ],
)
def test_what_is_only_told_changes_no_hash(old: str, new: str) -> None:
    assert old in STATEMENTS
    changed = STATEMENTS.replace(old, new)
    assert tree_hash(ast.parse(changed)) == tree_hash(ast.parse(STATEMENTS))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "x * 2"),
        ("2 * x", "2.0 * x"),
        ("x: float", "x: int"),
        ("min=0", "min=1"),
        ("width: int = 1", "width: int = 2"),
        ("import typer", "import typer as t"),
        ("double", "twice"),
        ("typer.Option", "typer.Argument"),
        ("typer.Option(", "other("),
    ],
)
def test_a_changed_statement_changes_the_hash(old: str, new: str) -> None:
    assert old in STATEMENTS
    changed = STATEMENTS.replace(old, new)
    assert tree_hash(ast.parse(changed)) != tree_hash(ast.parse(STATEMENTS))


def test_a_comment_in_a_lock_changes_no_hash(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==2.0\n    # via torch\n")
    before = text_hash(lock)
    lock.write_text("# by hand\nnumpy==2.0\n    # via pandas\n")
    assert text_hash(lock) == before
    lock.write_text("numpy==2.1\n")
    assert text_hash(lock) != before


def test_no_module_is_loaded_that_is_not_in_the_closure() -> None:
    """Against Python itself: what importing each command loads, lazy imports aside."""
    code = f"""
import importlib, json, sys
found = {{}}
for module in {COMMANDS}:
    for name in [name for name in sys.modules if name.startswith("head_patching")]:
        del sys.modules[name]
    importlib.import_module(module)
    found[module] = [name for name in sys.modules if name.startswith("head_patching")]
print(json.dumps(found))
"""
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    known = Code(packages_in(ROOT))
    for module, loaded in ast.literal_eval(printed).items():
        assert set(loaded) <= set(known.hashes([module])), module


def test_the_closure_is_that_of_import_linter() -> None:
    """Against another program that follows imports: no module more, and none less."""
    graph = grimp.build_graph("head_patching")

    def imported(module: str) -> set[str]:
        found, waiting = set(), [module]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                around = name.rpartition(".")[0]
                waiting += graph.find_modules_directly_imported_by(name)
                waiting += [around] if around else []
        return found

    known = Code(packages_in(ROOT))
    for module in COMMANDS:
        found = known.hashes([module])
        ours = {name for name in found if "/" not in name and name not in LOCKS}
        assert ours == imported(module), module


@pytest.mark.parametrize("command", ["typeset", "record_provenance", "classify_roles"])
def test_what_only_reads_results_does_not_depend_on_models(command: str) -> None:
    found = Code(packages_in(ROOT)).hashes([f"head_patching.commands.{command}"])
    assert "head_patching.patching.propagate" not in found
    assert not [name for name in found if name.startswith("head_patching.models")]


def test_locks_are_found_where_a_rule_s_shadow_has_none(tmp_path, monkeypatch):
    here = Code(packages_in(ROOT)).locks
    monkeypatch.chdir(tmp_path)
    assert Code(packages_in(ROOT)).locks == here
    assert set(here) == set(LOCKS)
