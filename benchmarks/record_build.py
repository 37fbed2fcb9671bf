"""What every job of a build costs: python benchmarks/record_build.py [-- OPTIONS].

Builds in an empty clone of the last commit, with the packages of the Python that runs
this, and OPTIONS of `snakemake` (`--cores 4` without). The kernel counts the processor
time of each job and of all that it starts; sampling, as `benchmark:` does, misses jobs
of a few seconds. The table is written to `benchmarks/build.csv`, and compared with the
committed one rule by rule. The progress block takes its times from there, so record it
on a machine that does nothing else.
"""

import argparse
import csv
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from head_patching.building.progress.costs import COLUMNS, RECORDED, WHOLE, job_name

ROOT = Path(__file__).parents[1]

# A rule that costs more than before by both is named.
MORE_SECONDS, MORE_SHARE = 1.0, 0.1

# Takes the place of the shell that runs each recipe, and notes what it cost.
SHELL = """\
#!{python} -SE
import json, os, sys, time
began = time.monotonic()
pid = os.fork()
if not pid:
    os.execv({bash!r}, ["bash", *sys.argv[1:]])
_, status, used = os.wait4(pid, 0)
line = [sys.argv[-1], used.ru_utime + used.ru_stime, time.monotonic() - began,
        used.ru_maxrss / 1024]
with open({out!r}, "ab", buffering=0) as file:
    file.write(json.dumps(line).encode() + b"\\n")
os._exit(os.waitstatus_to_exitcode(status) % 256)
"""

Row = dict[str, str | float]


def record(folder: Path, options: list[str]) -> list[Row]:
    """Build in an empty clone in the folder; a row for each job, and one for all."""
    clone, shells, notes = folder / "clone", folder / "bin", folder / "jobs"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    shells.mkdir()
    shell = shells / "bash"
    shell.write_text(
        SHELL.format(python=sys.executable, bash=shutil.which("bash"), out=str(notes))
    )
    shell.chmod(shell.stat().st_mode | stat.S_IXUSR)
    path = [str(shells), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(clone / "src"),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        cwd=clone, env=environment, check=True,
    )  # fmt: skip
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(
        getattr(after, name) - getattr(before, name)
        for name in ("ru_utime", "ru_stime")
    )
    rows = rows_of_jobs(notes.read_text().splitlines())
    whole = [WHOLE, "", cpu, wall, after.ru_maxrss / 1024]
    return [*rows, dict(zip(COLUMNS, whole, strict=True))]


def rows_of_jobs(notes: list[str]) -> list[Row]:
    """A row for each job, by the log that its recipe writes, sorted."""
    rows = []
    for note in notes:
        recipe, *cost = json.loads(note)
        log = re.search(r"(?:> |tee )(logs/(\w+)[^ ]*\.log)", recipe)
        if log is not None:
            named = [log[2], job_name([log[1]])]
            rows.append(dict(zip(COLUMNS, [*named, *cost], strict=True)))
    return sorted(rows, key=lambda row: (row["rule"], row["job"]))


def write(rows: list[Row], path: Path) -> None:
    """Write the table: tenths of seconds, whole MiB."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            rule, job, cpu, wall, memory = (row[column] for column in COLUMNS)
            writer.writerow([rule, job, f"{cpu:.1f}", f"{wall:.1f}", f"{memory:.0f}"])


def by_rule(path: Path) -> dict[str, tuple[int, float]]:
    """The number of jobs of each rule and their processor time, from the file."""
    found: dict[str, tuple[int, float]] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                jobs, cpu = found.get(row["rule"], (0, 0.0))
                found[row["rule"]] = jobs + 1, cpu + float(row["cpu_s"])
    return found


def compared(
    before: dict[str, tuple[int, float]], now: dict[str, tuple[int, float]]
) -> list[str]:
    """Lines of a table: jobs and processor time of each rule, before and now."""
    lines = [f"{'rule':24} {'jobs':>9} {'CPU s':>17}"]
    for rule in sorted({*before, *now}, key=lambda rule: -now.get(rule, (0, 0.0))[1]):
        (old_jobs, old), (jobs, new) = (
            part.get(rule, (0, 0.0)) for part in (before, now)
        )
        more = new - old > max(MORE_SECONDS, MORE_SHARE * old)
        lines.append(
            f"{rule:24} {old_jobs:3} → {jobs:3} {old:7.1f} → {new:7.1f}"
            + ("  MORE" if more and rule in before else "")
        )
    return lines


def main() -> None:
    """Record, compare with what was recorded before, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / RECORDED)
    parser.add_argument("options", nargs="*", default=["--cores", "4"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = record(Path(folder), given.options)
    before = by_rule(ROOT / RECORDED)
    write(rows, given.out)
    print("\n".join(compared(before, by_rule(given.out))))


if __name__ == "__main__":
    main()
