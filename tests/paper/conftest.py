"""The chapter with synthetic results, ready to be typeset."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from figures.command import figure_command
from head_patching.building.figure_modules import figures
from head_patching.files.register import TABLES
from head_patching.reporting.chapter import (
    chapter_numbers,
    write_numbers,
    write_tables,
)
from head_patching.terms import PATCH_TYPES
from tests.reporting.given import GivenTables, read_folder
from tests.reporting.synthetic import (
    induction_tables,
    synthetic_tables,
    write_results,
)

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
TEXT = "".join(
    re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
    for path in sorted(PAPER.glob("*.tex"))
    if path.name != "standalone.tex"
)


def used(macro: str) -> set[str]:
    """The first arguments of a macro in the text."""
    return set(re.findall(rf"\\{macro}\{{([^{{}}]+)\}}", TEXT))


TASKS = ("ioi", "induction")

# Figure -> the tables that it is drawn from; those of a task are in its folder.
FIGURES = figures(ROOT / "figures", TASKS, n_models=2)
COMMAND = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error"]
COMMAND += ["-output-directory=results/paper"]


def latexmk(folder: Path, main: str) -> subprocess.CompletedProcess:
    """Typeset a file of the folder, from the folder, with a fixed date."""
    (folder / "results/paper").mkdir(parents=True, exist_ok=True)
    dated = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
    return subprocess.run(
        [*COMMAND, main],
        cwd=folder,
        env=os.environ | dated | {"max_print_line": "2000"},
        capture_output=True,
        text=True,
        errors="replace",
    )


def text_of(pdf: Path) -> str:
    """The words of a PDF, separated by single spaces, with hyphenation undone."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    shown = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True
    )
    return " ".join(re.sub(r"-\n\s*", "", shown.stdout).split())


def lay_out(folder: Path, tables: GivenTables) -> None:
    """Everything the chapter reads but the figures, as the workflow lays it out."""
    shutil.copytree(PAPER, folder / "paper")
    for task in ("", *tables.tasks):
        write_tables(tables, folder / "results/tables" / task, task)
    write_numbers(chapter_numbers(tables), folder / "results/numbers.tex")


def draw_figures(folder: Path, sources: Mapping[str, Path]) -> None:
    """The figures, from the result files of each task."""
    for figure, tables in FIGURES.items():
        task, _, name = figure.rpartition("/")
        source = sources[task or "ioi"]
        arguments = [
            f"--{table.replace('_', '-')}={source / Path(TABLES[table].file).name}"
            for table in tables
        ]
        out = folder / f"results/figures/{figure}.pdf"
        module = importlib.import_module(f"figures.{name}")
        figure_command(module.draw, [*arguments, f"--out={out}"])


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Synthetic result files of every patch type, by task."""
    return {
        task: write_results(tmp_path_factory.mktemp(task), [*PATCH_TYPES], tables)
        for task, tables in (("ioi", synthetic_tables), ("induction", induction_tables))
    }


@pytest.fixture(scope="session")
def ioi(sources: dict[str, Path]) -> GivenTables:
    """The tables of the first task."""
    return read_folder(sources["ioi"])


@pytest.fixture(scope="session")
def induction(sources: dict[str, Path]) -> GivenTables:
    """The tables of the second task."""
    return read_folder(sources["induction"])


@pytest.fixture(scope="session")
def chapter_folder(
    ioi: GivenTables,
    induction: GivenTables,
    sources: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder in which the chapter can be typeset."""
    folder = tmp_path_factory.mktemp("chapter")
    lay_out(folder, ioi + induction)
    draw_figures(folder, sources)
    return folder
