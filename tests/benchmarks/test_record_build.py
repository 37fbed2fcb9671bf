"""What is written of a build's jobs, and what is said where they cost more."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import record_build
from head_patching.building.progress.costs import read_costs


def test_the_shell_counts_what_a_recipe_and_its_children_use(tmp_path: Path) -> None:
    shell, notes = tmp_path / "bash", tmp_path / "jobs"
    shell.write_text(
        record_build.SHELL.format(
            python=sys.executable, bash="/bin/bash", out=str(notes)
        )
    )
    shell.chmod(0o755)
    burn = "while time.process_time() < 0.5: pass"
    take = "b'x' * (300 * 2**20)"
    script = f"import time\n{burn}\n{take}"
    recipe = f'{sys.executable} -c "{script}"; exit 3'
    # A child's child, and an exit code that is not lost.
    run = subprocess.run([shell, "-c", recipe], env=os.environ)
    assert run.returncode == 3
    noted, cpu, wall, memory = json.loads(notes.read_text())
    assert noted == recipe
    assert 0.5 < cpu < 3
    assert wall > 0.4
    assert 300 < memory < 600


def test_jobs_have_the_name_of_their_log(tmp_path: Path) -> None:
    notes = [
        json.dumps([recipe, 2.04, 1.0, 99.6])
        for recipe in (
            "set -e; python -m figures.x --out y > logs/draw_figure/ioi/x.log 2>&1",
            "head-patching verify --out c.csv 2>&1 | tee logs/verify.log",
            "head-patching typeset > logs/typeset_chapter.log 2>&1",
            "true",
        )
    ]
    rows = record_build.rows_of_jobs(notes)
    assert [(row["rule"], row["job"]) for row in rows] == [
        ("draw_figure", "ioi/x"),
        ("typeset_chapter", ""),
        ("verify", ""),
    ]
    whole = dict.fromkeys(record_build.COLUMNS, 4.0) | {"rule": "all", "job": ""}
    record_build.write([*rows, whole], tmp_path / "build.csv")
    assert (tmp_path / "build.csv").read_text().splitlines()[1] == (
        "draw_figure,ioi/x,2.0,1.0,100"
    )
    costs = read_costs(tmp_path / "build.csv")
    assert costs.of_job("draw_figure", "ioi/x").cpu == 2.0
    assert "all" not in costs.jobs


def test_what_costs_more_is_named() -> None:
    before = {"patch": (20, 100.0), "draw": (2, 1.0), "gone": (1, 5.0)}
    now = {"patch": (20, 112.0), "draw": (2, 1.9), "new": (1, 50.0)}
    lines = record_build.compared(before, now)
    assert [line.split()[0] for line in lines[1:]] == ["patch", "new", "draw", "gone"]
    assert [line.split()[0] for line in lines if line.endswith("MORE")] == ["patch"]
