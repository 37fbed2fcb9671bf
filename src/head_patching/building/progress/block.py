"""The block that shows a build in a terminal, for rich to draw."""

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from head_patching.building.progress.remaining import Build
from head_patching.building.progress.words import duration, estimate, percent, so_far

# Jobs that have a line; of others only the number is said.
MOST_JOBS = 6

# In wider terminals the times would be far from the jobs.
WIDEST = 100


def block(build: Build, log: str, failed: int, now: float) -> RenderableType:
    """How far a build is and what runs: a bar, a line of numbers, a line for each job.

    Parameters
    ----------
    build
        The jobs.
    log
        Snakemake's full log.
    failed
        How many jobs failed.
    now
        The time, in seconds of the build's clock.
    """
    share = build.share(now)
    bar = Table.grid(padding=(0, 2), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    finished = build.n_finished >= build.n_jobs
    # Colours of the terminal's own palette, to be seen on light and on dark.
    drawn = ProgressBar(
        total=1.0,
        completed=share,
        style="bright_black",
        complete_style="green",
        finished_style="green",
    )
    bar.add_row(drawn, Text(percent(share, finished), "bold"))
    numbers = Text("   ".join(so_far(build, now)), no_wrap=True, overflow="ellipsis")
    if failed:
        numbers.append(f"   {failed} failed", "bold red")
    named = Text(f"log {log}", "dim", overflow="fold")
    return Constrain(Group(bar, numbers, _jobs(build, now), named), WIDEST)


def _jobs(build: Build, now: float) -> Table:
    """A line for each job that runs, the longest-running first."""
    jobs = sorted(build.running.values(), key=lambda job: job.started)
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for job in jobs[:MOST_JOBS]:
        does, _, what = job.label.partition("  ")
        running, expected = now - job.started, build.expected(job, now)
        time = duration(running)
        if running < expected and expected >= 45:
            time += f" of about {estimate(expected)}"
        table.add_row(f"  {does}", what, time)
    if len(jobs) > MOST_JOBS:
        table.add_row(f"  and {len(jobs) - MOST_JOBS} more", "", "")
    return table
