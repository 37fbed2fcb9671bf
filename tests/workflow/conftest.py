"""Copies of the repository in which a workflow has run, shared by the tests.

`built` is the chapter of a small planted model, whose heads are known, with what a
contributor adds; `smollm2` is the quick build of the default model, for slow tests.
"""

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

from .extension import extend

# Rules that make nothing themselves.
TARGETS = ("figures", "tables", "paper")

PLANTED, QUICK = "tests/workflow/planted.yaml", "config/quick.yaml"

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Workspace:
    """A folder with the tracked files, Snakemake in it, and a config."""

    folder: Path
    config: str

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python with these arguments, in the folder and with its code."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
        )

    def run(self, *arguments: str, check: bool = True) -> str:
        """What `snakemake` prints with the config and these arguments."""
        config = ("--configfile", self.config)
        run = self.python("-m", "snakemake", "--cores", "2", *arguments, *config)
        printed = run.stdout + run.stderr
        assert not check or run.returncode == 0, printed
        return printed

    def head_patching(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A subcommand with these arguments."""
        code = "from head_patching.cli import app; app()"
        return self.python("-c", code, *arguments)

    def planned(self, *arguments: str) -> set[str]:
        """Names of the rules that would run now."""
        return rules_of(self.run("--dry-run", *arguments))

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


def rules_of(plan: str) -> set[str]:
    """Names of the rules in what a dry run printed."""
    if "Nothing to be done" in plan:
        return set()
    table = plan.rsplit("Job stats:", 1)[1]
    found = re.findall(r"^(\w+) +\d+$", table, flags=re.MULTILINE)
    return set(found) - {"total", "all", *TARGETS}


def copy_of_tracked_files(folder: Path, config: str) -> Workspace:
    """The files that git tracks or would track, in a new folder.

    With a planted model's config come the additions, which it wants.
    """
    for name in project_files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    if config == PLANTED:
        extend(folder)
    return Workspace(folder, config)


def build(folder: Path, config: str) -> Workspace:
    """The chapter, built from an empty copy."""
    if shutil.which("latexmk") is None:
        pytest.skip("latexmk is not installed")
    workspace = copy_of_tracked_files(folder, config)
    workspace.run()
    return workspace


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The chapter of a small planted model, built once."""
    return build(tmp_path_factory.mktemp("planted"), PLANTED)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The quick chapter of SmolLM2, built once: for slow tests alone."""
    return build(tmp_path_factory.mktemp("smollm2"), QUICK)


@pytest.fixture(params=["built", pytest.param("smollm2", marks=pytest.mark.slow)])
def chapter(request: pytest.FixtureRequest) -> Workspace:
    """Either of the two."""
    return request.getfixturevalue(request.param)


def text_of(pdf: Path) -> str:
    """The words of a PDF, separated by single spaces."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    shown = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True
    )
    return " ".join(shown.stdout.split())


@pytest.fixture(scope="session")
def text(built: Workspace) -> str:
    """The text of the planted model's chapter."""
    return text_of(built.folder / "results/paper/chapter.pdf")
