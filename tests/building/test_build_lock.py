"""One build at a time, and none beside the jobs of one that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.errors.table import ROWS, is_message

TAKE = (
    "from pathlib import Path; from head_patching.building.build_lock import take_lock;"
)
TAKE += "take_lock(Path('lock'));"
# A build: it starts a job that writes a word when it ends, and waits for it.
JOB = "import time; time.sleep({}); open('log', 'a').write('job ended. ')"
BUILD = TAKE + "import subprocess, sys; print('begun', flush=True);"
BUILD += "subprocess.run([sys.executable, '-c', {!r}])"


def build(seconds: float, folder: Path) -> subprocess.Popen:
    """A build whose job takes so long, once it has the lock."""
    code = BUILD.format(JOB.format(seconds))
    started = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout.readline() == "begun\n"
    time.sleep(0.3)  # until the job is there
    return started


def test_a_second_build_says_so_and_stops(tmp_path: Path) -> None:
    first = build(20, tmp_path)
    second = subprocess.run(
        [sys.executable, "-c", TAKE], cwd=tmp_path, capture_output=True, text=True
    )
    subprocess.run(["pkill", "-KILL", "-P", str(first.pid)], check=True)
    first.wait()
    assert second.returncode == 1
    *_, last = second.stderr.splitlines()
    assert is_message(
        last.replace("ValueError", "error"), ROWS["two builds in one folder"]
    )
    assert str(first.pid) in last


def test_jobs_of_a_killed_build_are_waited_for(tmp_path: Path) -> None:
    killed = build(2, tmp_path)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    code = TAKE + "open('log', 'a').write('next build')"
    after = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert after.returncode == 0
    assert after.stderr == (
        f"waiting for jobs of a build that was killed (process {killed.pid})\n"
    )
    assert (tmp_path / "log").read_text() == "job ended. next build"


def test_of_two_builds_that_wait_for_a_killed_one_the_second_stops(
    tmp_path: Path,
) -> None:
    killed = build(3, tmp_path)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    code = BUILD.format(JOB.format(4))
    waiting = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = {process.wait(): process for process in waiting}
    assert {*ended} == {0, 1}
    last = ended[1].stderr.read().splitlines()[-1]
    assert f"another build runs in this folder (process {ended[0].pid})" in last


def test_a_build_on_another_machine_counts_as_running(tmp_path: Path) -> None:
    first = build(20, tmp_path)
    (tmp_path / "lock").write_text("node7 12\n")
    second = subprocess.run(
        [sys.executable, "-c", TAKE], cwd=tmp_path, capture_output=True, text=True
    )
    subprocess.run(["pkill", "-KILL", "-P", str(first.pid)], check=True)
    first.wait()
    assert second.returncode == 1
    assert "another build runs in this folder (process 12 on node7)" in second.stderr


@pytest.mark.parametrize("content", ["", "no number", "99999999", "node7 12"])
def test_what_an_ended_build_left_is_no_lock(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    after = subprocess.run(
        [sys.executable, "-c", TAKE + "print(input() if False else 'ok')"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (after.returncode, after.stdout, after.stderr) == (0, "ok\n", "")


def test_jobs_read_nothing_from_standard_input(tmp_path: Path) -> None:
    code = TAKE + "import sys; print(repr(sys.stdin.read()))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout == "''\n"
