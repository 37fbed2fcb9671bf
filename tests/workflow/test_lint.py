"""Style is part of the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        "ruff check",
        "ruff format --check",
        "snakefmt --check Snakefile workflow",
        "snakemake --lint",
        "lint-imports --no-cache",
    ],
)
def test_lint_is_clean(command: str) -> None:
    program, *arguments = command.split()
    run = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
