"""The tables of docs/scaling.md are what the script prints of the measurements."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_has_every_row_that_is_printed(monkeypatch, capsys):
    page = (ROOT / "docs/scaling.md").read_text().splitlines()
    on_page = [cells(line) for line in page if line.startswith("|")]
    script, measured = (
        ROOT / "benchmarks" / n for n in ("extrapolate.py", "scaling.csv")
    )
    monkeypatch.setattr(sys, "argv", [str(script), str(measured)])
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    rows = [cells(line) for line in printed if line.startswith("|")]
    rows = [row for row in rows if not row[0].startswith(":")]
    assert len(rows) == 25
    assert [row for row in rows if row not in on_page] == []
