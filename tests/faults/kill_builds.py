"""Kill builds at random moments, then see that a plain one ends as if undisturbed.

Run by `make test-faults`; it takes the time of some quick builds. Every kill is
SIGKILL: to Snakemake, to one of its jobs, or to all at once, as when a machine stops;
which and when is drawn from the seed. Exits with 0 only when the last build succeeds,
nothing of a killed one still runs, and every result is byte for byte that of a build
that nobody disturbed.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from head_patching.project import project_files

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "snakemake", "--cores", "2"]
BUILD += ["--configfile", "config/quick.yaml"]


def copy_of_project(folder: Path) -> Path:
    """The project's own files in a new folder."""
    for name in project_files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def start(folder: Path, log: Path) -> subprocess.Popen:
    """A build in the folder; what it prints goes to the end of the log."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    with log.open("a") as file:
        return subprocess.Popen(
            BUILD, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip


def jobs_of(build: subprocess.Popen) -> list[psutil.Process]:
    """The build's jobs as they run: what Snakemake's shells started."""
    try:
        children = psutil.Process(build.pid).children(recursive=True)
        return [child for child in children if child.name() != "bash"]
    except psutil.NoSuchProcess:
        return []


def kill(build: subprocess.Popen, draw: random.Random) -> tuple[str, int] | None:
    """Kill Snakemake, one of its jobs, or all; None when it was too late.

    Returns
    -------
    What was killed, and how many jobs live on without a Snakemake.
    """
    jobs = jobs_of(build)
    target = draw.choice(["Snakemake", "job", "all"])
    if build.poll() is not None or (target == "job" and not jobs):
        return None
    if target == "job":
        victim = draw.choice(jobs)
        try:
            words = victim.cmdline()
            victim.kill()
        except psutil.NoSuchProcess:
            return None
        return "job " + " ".join(Path(word).name for word in words[1:3]), 0
    if target == "all":
        os.killpg(build.pid, signal.SIGKILL)
    else:
        build.kill()
    build.wait()
    return target, sum(job.is_running() for job in jobs) * (target == "Snakemake")


def running_in(folder: Path) -> list[int]:
    """Numbers of the processes that work in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of results/."""
    results = folder / "results"
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
    }


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """One line for every file that is missing, too many or other than expected."""
    return (
        [f"missing: {name}" for name in sorted(expected.keys() - found.keys())]
        + [f"too many: {name}" for name in sorted(found.keys() - expected.keys())]
        + [
            f"different: {name}"
            for name in sorted(found.keys() & expected.keys())
            if found[name] != expected[name]
        ]
    )


def undisturbed(folder: Path) -> tuple[dict[str, str], float]:
    """Checksums of the results of a build that runs through, and its seconds."""
    log, begin = folder / "build.log", time.monotonic()
    if start(copy_of_project(folder), log).wait():
        sys.exit(f"the undisturbed build failed:\n{log.read_text()[-3000:]}")
    seconds = time.monotonic() - begin
    print(f"undisturbed build: {seconds:.0f} s", flush=True)
    return checksums(folder), seconds


def disturb(folder: Path, n_kills: int, longest: float, draw: random.Random) -> None:
    """Start builds in one folder and kill each, so often; prints what was hit."""
    killed: Counter[str] = Counter()
    log = folder / "killed.log"
    while killed.total() < n_kills:
        build = start(folder, log)
        wait = draw.uniform(2, longest)
        try:
            build.wait(wait)
        except subprocess.TimeoutExpired:
            hit = kill(build, draw)
        else:
            print(f"a build ended by itself, {build.returncode}", flush=True)
            if build.returncode == 0:
                # Nothing would be left to kill: what is made last is made again.
                shutil.rmtree(folder / "results" / draw.choice(["paper", "figures"]))
            continue
        if hit is None:
            continue
        target, n_orphans = hit
        killed[target.split()[0]] += 1
        orphans = f", {n_orphans} jobs left running" if n_orphans else ""
        print(f"{killed.total():3} after {wait:5.1f} s: {target}{orphans}", flush=True)
        if target.startswith("job"):
            build.wait()  # stops by itself, for a job failed
    n_waits = log.read_text().count("waiting for jobs of a build that was killed")
    print(f"killed: {dict(killed)}; {n_waits} builds waited for jobs left running")


def main() -> None:
    """Print what was killed and whether anything differs in the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to build; else temporary")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        expected, seconds = undisturbed(folder / "undisturbed")
        killed = copy_of_project(folder / "killed")
        # Long enough for the longest first job to end, so that later ones are killed.
        disturb(killed, options.kills, seconds / 8, random.Random(options.seed))
        begin, log = time.monotonic(), killed / "build.log"
        if start(killed, log).wait():
            sys.exit(f"the last build failed:\n{log.read_text()[-3000:]}")
        print(f"the build after them: {time.monotonic() - begin:.0f} s")
        found = differences(checksums(killed), expected)
        found += [f"still running: process {number}" for number in running_in(killed)]
        for line in found:
            print(line)
        n_files, n_faults = len(expected), len(found)
        print(f"{options.kills} kills, {n_files} files compared, {n_faults} faults")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
