"""The quick chapter through SLURM has the very bytes of the one without.

Run by `make test-slurm`. Both are built in copies of the project's files in a temporary
folder. Where no SLURM can be had it says why and exits with 0; else it does so only
when every job of SLURM's ended well and every result is the same.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.kill_builds import checksums, copy_of_project, differences
from tests.slurm.loopback import install, job_states, slurm

# Threads are a part of what is recorded: equal on both ways.
QUICK = ("--cores", "2", "--configfile", "config/quick.yaml")
SLURM = (
    *("--profile", "workflow/profiles/slurm"),
    *("--slurm-status-command", "squeue"),  # sacct would ask for an accounting
    *("--slurm-init-seconds-before-status-checks", "5"),
    *("--latency-wait", "5"),
)


def build(folder: Path, *options: str) -> float:
    """Build the quick chapter in a folder, and return the seconds that it took.

    Raises
    ------
    RuntimeError
        When Snakemake fails.
    """
    command = [sys.executable, "-m", "snakemake", *options, *QUICK]
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    begin = time.monotonic()
    run = subprocess.run(command, cwd=folder, env=environment)
    if run.returncode:
        raise RuntimeError(f"Snakemake ended with {run.returncode}, see above")
    return time.monotonic() - begin


def compare(place: Path) -> bool:
    """Build both ways below `place` and say whether all results are the same."""
    through_slurm, without = place / "slurm", place / "local"
    for folder in (through_slurm, without):
        copy_of_project(folder)
    with slurm(place / "daemons"):
        seconds = build(through_slurm, *SLURM)
        states = job_states()
    print(f"through SLURM: {seconds:.0f} s, {len(states)} jobs", flush=True)
    print(f"without: {build(without):.0f} s", flush=True)
    found, expected = checksums(through_slurm), checksums(without)
    faults = [f"job {n}: {state}" for n, state in states if state != "COMPLETED"]
    faults += differences(found, expected)
    print(*faults, f"{len(expected)} results compared", sep="\n")
    return bool(states) and bool(expected) and not faults


def main() -> int:
    """Compare, where a SLURM can be had; stopped or not, leave nothing running."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reason = install()
    if reason:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="slurm-") as place:
        try:
            return not compare(Path(place))
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
