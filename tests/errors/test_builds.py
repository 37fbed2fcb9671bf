"""What keeps a build from beginning: Snakemake itself says it, and runs no job."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.errors.small_disk import mounted
from tests.errors.table import ROWS, is_message
from tests.faults.kill_builds import copy_of_project

# It takes minutes, which no test here waits for.
TARGET = "results/validation/gpt2_default.csv"
BUILD = [sys.executable, "-m", "snakemake", TARGET, "--cores", "1"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project without any result."""
    return copy_of_project(tmp_path / "project")


def started(project: Path) -> subprocess.Popen:
    """A build of the target."""
    return subprocess.Popen(
        BUILD, cwd=project, env=os.environ | {"PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def refused(project: Path, name: str) -> str:
    """The last line of a build that ends with the row's message and ran no job."""
    build = started(project)
    printed, _ = build.communicate(timeout=120)
    assert build.returncode == 1
    last = printed.splitlines()[-1]
    assert is_message(last, ROWS[name]), printed
    assert "Traceback" not in printed
    assert not re.search(r"^(local)?rule ", printed, re.MULTILINE)
    return last


def test_a_read_only_results_folder(project: Path) -> None:
    with mounted(project / "results", "ro"):
        refused(project, "a results folder that cannot be written, in a build")


def test_the_second_of_two_builds_says_so_and_stops(project: Path) -> None:
    first = started(project)
    try:
        lock = project / ".snakemake/build.lock"
        for _ in range(600):
            if lock.is_file() and lock.read_text():
                break
            time.sleep(0.1)
        last = refused(project, "two builds in one folder")
        assert first.poll() is None
        assert f"(process {first.pid})" in last
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
