"""The tables of docs/scaling.md are what the script prints of the measurements."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_has_every_row_that_is_printed():
    page = (ROOT / "docs/scaling.md").read_text().splitlines()
    on_page = [cells(line) for line in page if line.startswith("|")]
    printed = subprocess.run(
        [sys.executable, "benchmarks/extrapolate.py", "benchmarks/scaling.csv"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    rows = [cells(line) for line in printed if line.startswith("|")]
    rows = [row for row in rows if not row[0].startswith(":")]
    assert len(rows) == 25
    assert [row for row in rows if row not in on_page] == []
