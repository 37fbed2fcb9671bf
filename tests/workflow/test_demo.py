"""The demo and the example, on the model that the quick workflow prepared."""

import os
import subprocess
import sys

import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow


def output_of(built: Workspace, *command: str) -> str:
    run = subprocess.run(
        [sys.executable, *command],
        cwd=built.folder,
        env=os.environ | {"PYTHONPATH": str(built.folder / "src"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_demo_shows_heads_with_effect_and_role(built: Workspace) -> None:
    shown = output_of(
        built, "-c", "from head_patching.cli import app; app()",
        "demo", "--pairs", "2", "--top", "5", "--threshold", "0.1",
    )  # fmt: skip
    assert "30 layers x 9 heads = 270" in shown
    assert "Top 5 of 270 heads" in shown
    assert "heads with |effect| > 0.1" in shown
    assert "denoising" in shown
    assert "arXiv:2211.00593" in shown


def test_example_runs(built: Workspace) -> None:
    shown = output_of(built, "examples/head_demo.py")
    assert "Top 15 of 270 heads" in shown
    assert "L29 |" in shown
