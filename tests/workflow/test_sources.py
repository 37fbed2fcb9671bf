"""The import closure: complete, and no larger than that."""

import subprocess
import sys
from pathlib import Path

import pytest

from head_patching.building.workflow_sources import module_sources

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    f"head_patching.commands.{path.stem}"
    for path in (ROOT / "src/head_patching/commands").glob("[a-z]*.py")
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package in which each module imports in another way."""
    files = {
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
    for name, text in files.items():
        path = tmp_path / "src/head_patching" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("module", ["direct", "lazy", "name"])
def test_every_way_to_import_counts(project: Path, module: str) -> None:
    found = module_sources(f"head_patching.{module}", project)
    assert found == [
        "src/head_patching/__init__.py",
        f"src/head_patching/{module}.py",
        "src/head_patching/room/__init__.py",
        "src/head_patching/room/plain.py",
        "src/head_patching/room/shared.py",
        "src/head_patching/room/table.csv",
    ]


def test_relative_imports_are_followed(project: Path) -> None:
    found = module_sources("head_patching.room.relative", project)
    assert "src/head_patching/room/plain.py" in found
    assert "src/head_patching/direct.py" in found
    assert "src/head_patching/other/alone.py" not in found


def test_unknown_module_is_an_error(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no module head_patching\.none"):
        module_sources("head_patching.none", project)


@pytest.mark.parametrize("module", COMMANDS)
def test_no_module_is_loaded_that_is_not_in_the_closure(module: str) -> None:
    """Against Python itself: what importing the command loads, lazy imports aside."""
    code = (
        f"import sys, {module}\n"
        "for name, m in sorted(sys.modules.items()):\n"
        "    if name.split('.')[0] == 'head_patching': print(m.__file__)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    closure = {(ROOT / path).resolve() for path in module_sources(module, ROOT)}
    assert {Path(path).resolve() for path in loaded} <= closure


@pytest.mark.parametrize("command", ["typeset", "record_provenance", "classify_roles"])
def test_what_only_reads_results_does_not_depend_on_the_engine(command: str) -> None:
    found = module_sources(f"head_patching.commands.{command}", ROOT)
    assert not [path for path in found if "/patching/" in path or "/models/" in path]
