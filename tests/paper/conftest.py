"""The chapter with made-up results, ready to be typeset."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from figures.command import figure_command
from head_patching.reporting.numbers import build_numbers, write_numbers
from head_patching.reporting.sources import Results, read_results
from head_patching.reporting.tables import SHARED_TABLES, TASK_TABLES, write_tables
from tests.reporting.synthetic import result_paths, write_results
from tests.reporting.synthetic_induction import write_induction

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
# Figure -> the tables it is drawn from; those of a task are in a folder of its name.
TASK_FIGURES = {
    "attention_examples": ("attention_examples",),
    "attention_targets": ("evidence", "roles"),
    "behaviour": ("behaviour",),
    "circuit": ("circuit",),
    "head_effects": ("effects",),
    "necessity_sufficiency": ("effects", "roles"),
    "patching_grid": ("effects",),
    "path_effects": ("evidence",),
    "position_effects": ("effects_by_position",),
    "role_map": ("roles",),
    "top_heads": ("effects", "roles"),
}
SHARED_FIGURES = {
    "model_roles": ("model_roles",),
    "repetition": ("repetition",),
    "validation_confusion": ("confusion",),
    "validation_noise": ("scores",),
}
OWN_FIGURES = {
    "induction/composition": ("composition_edges", "roles"),
    "induction/prefix_matching": ("evidence", "roles"),
    "induction/weights_roc": ("weight_roc", "weight_agreement"),
}
FIGURES = SHARED_FIGURES | OWN_FIGURES
FIGURES |= {
    f"{task}/{figure}": tables
    for task in ("ioi", "induction")
    for figure, tables in TASK_FIGURES.items()
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


def lay_out(folder: Path, results: Sequence[Results]) -> None:
    """Everything the chapter reads but the figures, as the workflow lays it out."""
    shutil.copytree(PAPER, folder / "paper")
    write_tables(results[0], SHARED_TABLES, folder / "results/tables")
    for of_task in results:
        tables = folder / "results/tables" / of_task.task
        write_tables(of_task, TASK_TABLES, tables)
    write_numbers(build_numbers(results), folder / "results/numbers.tex")


def draw_figures(folder: Path, sources: Mapping[str, Path]) -> None:
    """The figures, from the result files of each task."""
    for figure, tables in FIGURES.items():
        task, _, name = figure.rpartition("/")
        source = sources[task or "ioi"]
        arguments = [
            f"--{table.replace('_', '-')}={source / table}.csv" for table in tables
        ]
        out = folder / f"results/figures/{figure}.pdf"
        module = importlib.import_module(f"figures.{name}")
        figure_command(module.draw, [*arguments, f"--out={out}"])


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Made-up result files of every patch type, by task."""
    kinds = ("output", "q", "k", "v", "pattern")
    return {
        "ioi": write_results(tmp_path_factory.mktemp("ioi"), kinds),
        "induction": write_induction(tmp_path_factory.mktemp("induction"), kinds),
    }


@pytest.fixture(scope="session")
def results(sources: dict[str, Path]) -> Results:
    """Those of the first task, read."""
    return read_folder(sources["ioi"])


@pytest.fixture(scope="session")
def induction(sources: dict[str, Path]) -> Results:
    """Those of the second task, read."""
    return read_folder(sources["induction"])


@pytest.fixture(scope="session")
def chapter_folder(
    results: Results,
    induction: Results,
    sources: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder in which the chapter can be typeset."""
    folder = tmp_path_factory.mktemp("chapter")
    lay_out(folder, [results, induction])
    draw_figures(folder, sources)
    return folder
