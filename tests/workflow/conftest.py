"""A copy of the repository in which the quick workflow has run, shared by the tests."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from head_patching.building.project import project_files

# Rules that make nothing themselves.
TARGETS = ("figures", "tables", "paper")

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Workspace:
    """A folder with the tracked files, and Snakemake in it."""

    folder: Path

    def run(self, *arguments: str, check: bool = True) -> str:
        """What `snakemake` prints with the quick config and these arguments."""
        quick = ("--configfile", "config/quick.yaml")
        run = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, *quick],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert not check or run.returncode == 0, run.stdout
        return run.stdout

    def planned(self, *arguments: str) -> set[str]:
        """Names of the rules that would run now."""
        plan = self.run("--dry-run", *arguments)
        if "Nothing to be done" in plan:
            return set()
        table = plan.rsplit("Job stats:", 1)[1]
        found = re.findall(r"^(\w+) +\d+$", table, flags=re.MULTILINE)
        return set(found) - {"total", "all", *TARGETS}

    @contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """The first `old` in a file is `new` for a while."""
        path = self.folder / file
        before = path.read_text(encoding="utf-8")
        assert old in before, f"{file} does not hold {old!r}"
        path.write_text(before.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")

    def results(self) -> dict[str, Path]:
        """Every file of results/, by its path in there."""
        folder = self.folder / "results"
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path for path in files}


def copy_of_tracked_files(folder: Path) -> Workspace:
    """The files that git tracks or would track, in a new folder."""
    for name in project_files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return Workspace(folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The quick workflow, run once from an empty copy."""
    if shutil.which("latexmk") is None:
        pytest.skip("latexmk is not installed")
    workspace = copy_of_tracked_files(tmp_path_factory.mktemp("built"))
    workspace.run()
    return workspace
