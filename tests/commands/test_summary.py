"""`head-patching summary` on a folder that holds a build's results, or none."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.files.register import TABLES
from head_patching.files.table import Scope
from tests.reporting.synthetic import write_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Synthetic results where a build would have put them."""
    flat = write_results(tmp_path / "flat")
    folder = tmp_path / "results"
    settings = {"models": ["smollm2-135m"], "tasks.ioi.corruption": "s2_io_flip"}
    (folder / "smollm2-135m/model").mkdir(parents=True)
    (folder / "provenance.json").write_text(
        json.dumps({"schema_version": 2, "settings": settings, "runs": {}, "rules": {}})
    )
    places = {
        Scope.EXPERIMENT: folder / "smollm2-135m/ioi/s2_io_flip",
        Scope.MODEL: folder / "smollm2-135m",
        Scope.VALIDATION: folder / "validation",
    }
    for table in TABLES.values():
        source = flat / Path(table.file).name
        if table.scope in places and source.is_file():
            target = places[table.scope] / table.file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


def test_the_summary_of_a_folder(results: Path) -> None:
    run = CliRunner().invoke(app, ["summary", "--results", str(results)])
    assert run.exit_code == 0, run.output
    labels = [line.split()[0] for line in run.output.splitlines() if line[0] != " "]
    assert labels == ["model", "ioi", "self-check", "validation"]


def test_without_a_build_one_line_says_what_to_do(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["summary", "--results", str(tmp_path)])
    assert run.exit_code == 1
    assert run.output.endswith("does not exist: run `snakemake --cores 4` before\n")
