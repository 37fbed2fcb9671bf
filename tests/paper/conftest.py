"""The chapter with made-up results, ready to be typeset."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from figures import (
    attention_targets,
    behaviour,
    head_effects,
    necessity_sufficiency,
    patching_grid,
    path_effects,
    position_effects,
    repetition,
    role_map,
    top_heads,
    validation_confusion,
    validation_noise,
)
from figures.command import figure_command
from head_patching.reporting.numbers import build_numbers, write_numbers
from head_patching.reporting.sources import Results, read_results
from head_patching.reporting.tables import write_tables
from tests.reporting.synthetic import result_paths, write_results

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
FIGURES = {
    attention_targets: ("evidence", "roles"),
    behaviour: ("behaviour",),
    head_effects: ("effects",),
    necessity_sufficiency: ("effects", "roles"),
    patching_grid: ("effects",),
    path_effects: ("evidence",),
    position_effects: ("effects_by_position",),
    role_map: ("roles",),
    top_heads: ("effects", "roles"),
}
SHARED_FIGURES = {
    repetition: ("repetition",),
    validation_confusion: ("confusion",),
    validation_noise: ("scores",),
}
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


def read_folder(folder: Path) -> Results:
    """The results in a folder of `write_results`."""
    return read_results(**result_paths(folder))


def lay_out(folder: Path, results: Results, source: Path, figures: bool = True) -> None:
    """Everything the chapter reads, as the workflow lays it out in a folder."""
    shutil.copytree(PAPER, folder / "paper")
    write_tables(results, folder / "results/tables")
    write_numbers(build_numbers(results), folder / "results/numbers.tex")
    for module, tables in FIGURES.items() if figures else ():
        name = module.__name__.removeprefix("figures.")
        arguments = [
            f"--{table.replace('_', '-')}={source / table}.csv" for table in tables
        ]
        out = folder / f"results/figures/{name}.pdf"
        figure_command(module.draw, [*arguments, f"--out={out}"])


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up result files of every patch type."""
    kinds = ("output", "q", "k", "v", "pattern")
    return write_results(tmp_path_factory.mktemp("source"), kinds)


@pytest.fixture(scope="session")
def results(source: Path) -> Results:
    """The same, read."""
    return read_folder(source)


@pytest.fixture(scope="session")
def chapter_folder(
    results: Results, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder in which the chapter can be typeset."""
    folder = tmp_path_factory.mktemp("chapter")
    lay_out(folder, results, source)
    return folder
