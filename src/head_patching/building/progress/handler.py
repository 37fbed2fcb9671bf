"""Snakemake's messages in a terminal or a log: how far the build is, and what failed.

In a terminal one block is kept up to date; elsewhere a job has a line when it starts
and when it ends. Everything else that Snakemake says of its jobs is in its log file.
Errors and warnings, plans (`--dry-run`) and what other options ask for are printed as
Snakemake prints them.
"""

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from head_patching.building.progress import words
from head_patching.building.progress.costs import (
    RECORDED_CORES,
    job_name,
    read_costs,
)
from head_patching.building.progress.remaining import Build

if TYPE_CHECKING:
    from head_patching.building.progress.terminal import Terminal

# How messages begin that say nothing about this build.
CHATTER = (
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Complete log(s)",
    "Conda environments: ignored",
    "Elapsed time",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Singularity containers: ignored",
    "Using shell",
    "host:",
)
FAILURES = {LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR, LogEvent.ERROR}


class LogHandler(LogHandlerBase):
    """Follows a build and shows it."""

    writes_to_stream = True
    writes_to_file = False
    # Snakemake's own are attached.
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        self.stream = sys.stdout if settings.stdout else sys.stderr
        self.snakemake = ColorizingTextHandler(
            nocolor=settings.nocolor, stream=self.stream
        )
        self.as_snakemake = bool(
            settings.dryrun or settings.verbose or settings.debug_dag or settings.quiet
        )
        self.build: Build | None = None
        self.cores = RECORDED_CORES
        self.models: set[str] = set()
        self.failed = 0
        self.opened = False
        self.terminal: Terminal | None = None

    def setFormatter(self, formatter: logging.Formatter | None) -> None:
        """Use the formatter for what is printed as Snakemake prints it, too."""
        super().setFormatter(formatter)
        self.snakemake.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Follow what a record says, and print it if it is more than that."""
        event = getattr(record, "event", None)
        if self.as_snakemake:
            self.snakemake.emit(record)
            return
        try:
            if event in FAILURES or record.levelno >= logging.WARNING:
                self.fail(record, event)
            elif event is None:
                self.say(record)
            else:
                self.follow(event, record)
        except BrokenPipeError:
            raise
        except Exception:
            # What is wrong here must not end a build.
            self.handleError(record)

    def follow(self, event: LogEvent, record: Any) -> None:
        """Note what has begun or ended."""
        now = record.created
        if event == LogEvent.RESOURCES_INFO and getattr(record, "cores", None):
            self.cores = min(record.cores, usable_cores())
        elif event == LogEvent.RUN_INFO:
            planned = {k: v for k, v in record.stats.items() if k != "total"}
            self.build = Build(read_costs(), planned, self.cores, now)
        elif self.build is None:
            return
        elif event == LogEvent.JOB_INFO:
            self.begin(self.build, record)
        elif event == LogEvent.JOB_FINISHED:
            self.finish(self.build, record)
        elif event == LogEvent.PROGRESS and record.done >= record.total:
            self.end()

    def begin(self, build: Build, record: Any) -> None:
        """A job starts."""
        if not self.opened:
            self.opened = True
            self.open(build)
        wildcards = record.wildcards or {}
        self.models |= {str(wildcards["model"])} if "model" in wildcards else set()
        label = words.job_label(record.rule_name, wildcards, len(self.models) > 1)
        name = job_name(record.log)
        build.start(record.jobid, record.rule_name, name, label, record.created)
        self.line(record.created, f"start  {label}")
        if self.terminal is not None:
            self.terminal.redraw()

    def finish(self, build: Build, record: Any) -> None:
        """A job has ended well."""
        job = build.finish(record.job_id, record.created)
        if job is not None:
            took, now = record.created - job.started, record.created
            self.line(now, words.finished_line(build, job.label, took, now))

    def open(self, build: Build) -> None:
        """Show the block; where there is no terminal, say what is ahead."""
        if not self.stream.isatty() or os.environ.get("TERM") == "dumb":
            self.line(build.began, f"{words.opening(build)}; full log {full_log()}")
            return
        # Rich takes a tenth of a second to import.
        from head_patching.building.progress.block import block
        from head_patching.building.progress.terminal import Terminal

        log = full_log()
        self.terminal = Terminal(
            lambda: block(build, log, self.failed, time.time()),
            color=not self.snakemake.nocolor,
        )

    def fail(self, record: Any, event: LogEvent | None) -> None:
        """Print an error or a warning as Snakemake does; a failed job runs no more."""
        if self.build is not None and event == LogEvent.JOB_ERROR:
            self.build.running.pop(record.jobid, None)
            self.failed += 1
        self.snakemake.emit(record)

    def say(self, record: logging.LogRecord) -> None:
        """Print a message, unless it is about Snakemake alone."""
        message = record.getMessage()
        if message and message != "None" and not message.startswith(CHATTER):
            print(message, file=self.stream, flush=True)
        if message.startswith("Nothing to be done"):
            # No job runs, so that nothing is summarised.
            hint = "`head-patching summary` prints what was found."
            print(hint, file=self.stream, flush=True)

    def line(self, when: float, text: str) -> None:
        """Print a line with the time of day where there is no block."""
        if self.terminal is None:
            clock = time.strftime("%H:%M:%S", time.localtime(when))
            print(f"{clock}  {text}", file=self.stream, flush=True)

    def end(self) -> None:
        """Remove the block and say how long all took."""
        build, self.build = self.build, None
        shown, self.terminal = self.terminal, None
        if shown is not None:
            shown.stop()
        if build is not None and self.opened:
            now = time.time()
            said = f"{words.closing(build, now)}; full log {full_log()}"
            if shown is None:
                self.line(now, said)
            else:
                print(said.replace("; ", "\n"), file=self.stream, flush=True)

    def close(self) -> None:
        """End, also when the build was interrupted."""
        self.end()
        super().close()


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def full_log() -> str:
    """The file with everything that Snakemake says, relative to the folder."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if isinstance(handler, logging.FileHandler):
            path = Path(handler.baseFilename)
            here = Path.cwd()
            return str(path.relative_to(here) if path.is_relative_to(here) else path)
    return ".snakemake/log/"
