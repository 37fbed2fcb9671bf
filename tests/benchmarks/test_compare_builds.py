"""Two commits of a small repository, built in turn."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import compare_builds


def test_two_commits_are_built_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(repository)]
    subprocess.run([*git, "init", "-q"], check=True)
    for seconds in ("0.1", "0.6"):
        burn = f"import time\\nwhile time.process_time() < {seconds}: pass"
        (repository / "Makefile").write_text(
            f"all: setup\n\t@test $(WITH) = this\n\t@{sys.executable} -c "
            f"\"exec('{burn}')\"\nsetup:\n\t@true\n"
        )
        subprocess.run([*git, "add", "Makefile"], check=True)
        subprocess.run([*git, "commit", "-qm", seconds], check=True)
    monkeypatch.setattr(compare_builds, "ROOT", repository)
    out = tmp_path / "builds.csv"
    options = ["HEAD~1", "HEAD", "--out", str(out), "--make", "WITH=this"]
    monkeypatch.setattr(sys, "argv", ["compare_builds.py", *options])
    compare_builds.main()
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert tuple(rows[0]) == compare_builds.COLUMNS
    first, second, third, fourth = (
        dict(zip(rows[0], row, strict=True)) for row in rows[1:]
    )
    # Old, new, new, old.
    assert first["commit"] == fourth["commit"] != second["commit"] == third["commit"]
    assert float(second["build_cpu_s"]) > float(first["build_cpu_s"]) + 0.3


def test_the_machine_is_described() -> None:
    cores, processor, flags = compare_builds.machine()
    assert int(cores) >= 1
    assert processor
    known = Path("/proc/cpuinfo").read_text()
    assert [flag for flag in compare_builds.FLAGS if f" {flag} " in known] == (
        flags.split()
    )
