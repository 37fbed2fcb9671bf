"""Kill builds at random moments, then see that a plain one ends as if undisturbed.

Run by `make test-faults`, on the chapter of a small planted model. Every kill is
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
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from head_patching.building.project import project_files

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "snakemake", "--cores", "2"]
# Without the patch type that the tests add.
BUILD += ["--configfile", "tests/workflow/planted.yaml", "--config"]
BUILD += ["patch_types=[output]"]
WAITING = "waiting for jobs of a build that was killed"  # says build_lock


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


def kill(build: subprocess.Popen, draw: random.Random) -> tuple[str, int]:
    """Kill Snakemake, one of its jobs, or all.

    Returns
    -------
    What was killed, and how many jobs live on without a Snakemake.
    """
    jobs = jobs_of(build)
    match draw.choice(["job", "all", "Snakemake"]) if jobs else "all":
        case "job":
            victim = draw.choice(jobs)
            with suppress(psutil.NoSuchProcess):
                words = victim.cmdline()
                victim.kill()
                build.wait()  # it stops by itself, for a job failed
                return "job " + " ".join(Path(word).name for word in words[1:3]), 0
            return kill(build, draw)
        case "all":
            os.killpg(build.pid, signal.SIGKILL)
            build.wait()
            return "all", 0
        case _:
            build.kill()
            build.wait()
            return "Snakemake", sum(job.is_running() for job in jobs)


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


def built(folder: Path) -> dict[str, str]:
    """Checksums of the results of a build that runs through."""
    log, begin = folder / "build.log", time.monotonic()
    if start(folder, log).wait():
        sys.exit(f"the build in {folder} failed:\n{log.read_text()[-3000:]}")
    print(f"{folder.name}: built in {time.monotonic() - begin:.0f} s", flush=True)
    return checksums(folder)


def wait_for(build: subprocess.Popen, log: Path, n_jobs: int, seconds: float) -> bool:
    """Until so many jobs have ended and some seconds passed; whether the build runs.

    Jobs take a second or minutes, and longer on another machine: moments drawn from the
    clock alone would all fall into the longest ones.
    """
    begin = log.stat().st_size
    while log.read_bytes()[begin:].count(b"Finished jobid") < n_jobs:
        if build.poll() is not None:
            return False
        time.sleep(0.1)
    time.sleep(seconds)
    return build.poll() is None


def disturb(folder: Path, n_kills: int, draw: random.Random) -> None:
    """Start builds in one folder and kill each, so often; prints what was hit."""
    killed: Counter[str] = Counter()
    n_orphans, log = 0, folder / "killed.log"
    while killed.total() < n_kills:
        build = start(folder, log)
        # Some 80 jobs a build: all but the last are reached, and made anew.
        n_jobs, seconds = draw.randrange(7), draw.uniform(0, 8)
        if wait_for(build, log, n_jobs, seconds):
            target, n_left = kill(build, draw)
            killed[target.split()[0]] += 1
            n_orphans += n_left
            moment = f"{n_jobs} jobs and {seconds:.1f} s"
            left = f", {n_left} jobs left running" if n_left else ""
            print(f"{killed.total():3} after {moment}: {target}{left}", flush=True)
        elif build.returncode:
            sys.exit(f"a build that nobody killed failed:\n{log.read_text()[-3000:]}")
        else:
            # Nothing would be left to kill: what is made last is made again.
            shutil.rmtree(folder / "results" / draw.choice(["paper", "figures"]))
    print(f"killed: {dict(killed)}; {n_orphans} jobs were left running")


def main() -> None:
    """Print what was killed and whether anything differs in the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to build; else temporary")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        expected = built(copy_of_project(folder / "undisturbed"))
        killed = copy_of_project(folder / "killed")
        disturb(killed, options.kills, random.Random(options.seed))
        n_waits = (killed / "killed.log").read_text().count(WAITING)
        print(f"{n_waits} builds waited for the jobs of a killed one", flush=True)
        found = differences(built(killed), expected)
        found += [f"still running: process {number}" for number in running_in(killed)]
        for line in found:
            print(line)
        n_files, n_faults = len(expected), len(found)
        print(f"{options.kills} kills, {n_files} files compared, {n_faults} faults")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
