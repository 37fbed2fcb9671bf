"""The block at two widths, and the lines of a log."""

from pathlib import Path

import pytest
from rich.console import Console

from head_patching.building.progress.block import MOST_JOBS, WIDEST, block
from head_patching.building.progress.costs import Cost, Costs
from head_patching.building.progress.remaining import Build
from head_patching.building.progress.words import (
    closing,
    finished_line,
    job_label,
    opening,
)

LOG = ".snakemake/log/2026-11-30T093803.731573.snakemake.log"
MODEL = "SmolLM2-135M-Instruct"


@pytest.fixture
def build() -> Build:
    """Of ten jobs of 60 s on one core, four are done and two run; 180 s are over."""
    costs = Costs(
        {"patch_positions": {str(n): Cost(60.0, 60.0) for n in range(10)}},
        whole=Cost(600.0, 300.0),
    )
    given = Build(costs, {"patch_positions": 10}, 2, 0.0)
    wildcards = {
        "model": MODEL,
        "task": "induction",
        "corruption": "b1_replaced",
        "direction": "denoising",
        "patch_type": "output",
    }
    label = job_label("patch_positions", wildcards, with_model=False)
    for number in range(6):
        given.start(number, "patch_positions", str(number), label, number // 2 * 60.0)
        if number < 4:
            given.finish(number, number // 2 * 60.0 + 60.0)
    return given


def drawn(build: Build, width: int, failed: int = 0) -> list[str]:
    """The lines of the block, 30 s after the last job began."""
    console = Console(width=width, force_terminal=False, file=None)
    with console.capture() as capture:
        console.print(block(build, LOG, failed, 150.0))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_the_block_says_how_far_what_runs_and_where_the_log_is(
    build: Build, width: int
) -> None:
    bar, numbers, first, second, log = drawn(build, width)
    assert bar.endswith("  50 %")
    assert len(bar) == min(width, WIDEST)
    assert numbers == "4 of 10 jobs   2:30 so far   about 2 min to go"
    assert first == second
    assert first.startswith("  patch positions  induction b1_replaced denoising output")
    assert first.endswith("0:30 of about 1 min")
    assert len(first) == min(width, WIDEST)
    assert log == f"log {LOG}"


def test_a_narrow_terminal_shortens_what_a_job_works_on(build: Build) -> None:
    lines = drawn(build, 60)
    assert all(len(line) <= 60 for line in lines)
    assert lines[2].endswith("…  0:30 of about 1 min")


def test_many_jobs_are_counted(build: Build) -> None:
    for number in range(6, 16):
        build.start(number, "patch_positions", str(number), "patch positions", 140.0)
    lines = drawn(build, 80)
    assert len(lines) == 2 + MOST_JOBS + 1 + 1
    assert lines[-2] == "  and 6 more"


def test_failed_jobs_are_counted(build: Build) -> None:
    assert drawn(build, 80, failed=1)[1].endswith("   1 failed")


def test_lines_of_a_log(build: Build) -> None:
    assert opening(build) == "10 jobs, about 5 min on 2 cores"
    build.finish(4, 150.0)
    line = finished_line(build, "patch positions  ioi", 30.0, 150.0)
    assert line.startswith("done   patch positions  ioi  (0:30)  ")
    assert "5 of 10 jobs, 2:30 so far, about 2 min to go" in line
    assert closing(build, 150.0) == "stopped after 5 of 10 jobs, 2:30"


def test_what_has_ended_is_a_hundred_per_cent_and_nothing_else_is(build: Build) -> None:
    for number in range(4, 10):
        build.start(number, "patch_positions", str(number), "", 150.0)
    for number in range(4, 10):
        assert " 100 %" not in drawn(build, 80)[0]
        build.finish(number, 150.0)
    assert drawn(build, 80)[0].endswith(" 100 %")
    assert closing(build, 150.0) == "10 jobs in 2:30"


def test_the_model_is_named_where_there_are_several() -> None:
    wildcards = {"model": MODEL, "task": "ioi"}
    assert job_label("trace_paths", wildcards, True) == f"trace paths  ioi {MODEL}"
    assert job_label("typeset_chapter", {}, True) == "typeset chapter"


def test_the_log_is_named_by_the_handler() -> None:
    from head_patching.building.progress.handler import full_log

    # Without Snakemake there is none yet.
    assert Path(full_log()) == Path(".snakemake/log")
