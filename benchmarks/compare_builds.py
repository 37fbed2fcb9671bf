"""Two commits built in turn, with set-up: python benchmarks/compare_builds.py OLD NEW.

Each build is a clone of its own with a `.venv` of its own: `make setup`, then `make`.
The order changes from pair to pair, so that what the machine does meanwhile falls on
both. A line for each build is added to `benchmarks/builds.csv`. TeX should be there
before: it is installed once for all clones.
"""

import argparse
import csv
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = (
    "pair", "order", "commit", "setup_cpu_s", "setup_wall_s", "build_cpu_s",
    "build_wall_s", "cores", "processor", "flags",
)  # fmt: skip

# What matrix products are made with.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "amx_bf16")

# Of this Python's environment, which the clones do not have.
OWN = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "MAKEFLAGS", "MAKELEVEL")


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of processor time of a command with all it starts, and of the clock."""
    environment = {k: v for k, v in os.environ.items() if k not in OWN}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user, system = (
        getattr(after, name) - getattr(before, name)
        for name in ("ru_utime", "ru_stime")
    )
    return user + system, wall


def build(commit: str, make: list[str]) -> list[str]:
    """Set up and build a commit in an empty clone: the four times, as text."""
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
        times = [*measured(["make", "setup"], clone), *measured(["make", *make], clone)]
    return [f"{seconds:.1f}" for seconds in times]


def machine() -> list[str]:
    """How many cores, which processor, and which of the flags it has."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    parts = [line.partition(":") for line in lines]
    values = {key.strip(): value.strip() for key, _, value in parts}
    has = values.get("flags", "").split()
    return [
        str(len(os.sched_getaffinity(0))),
        values.get("model name", "unknown"),
        " ".join(flag for flag in FLAGS if flag in has),
    ]


def main() -> None:
    """Build both commits in turn, and add a line for each build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--make", nargs="*", default=[], help="arguments of make")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/builds.csv")
    given = parser.parse_args()
    commits = [
        subprocess.run(
            ["git", "rev-parse", "--short", name],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for name in (given.old, given.new)
    ]  # fmt: skip
    here = machine()
    for pair in range(1, given.pairs + 1):
        for order, commit in enumerate(commits if pair % 2 else commits[::-1], 1):
            line = [str(pair), str(order), commit, *build(commit, given.make), *here]
            is_new = not given.out.exists()
            with given.out.open("a", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if is_new:
                    writer.writerow(COLUMNS)
                writer.writerow(line)
            print(dict(zip(COLUMNS, line, strict=True)), flush=True)


if __name__ == "__main__":
    main()
