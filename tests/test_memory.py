"""How much memory is left, where machines, containers and cluster jobs limit it."""

from pathlib import Path

import psutil
import pytest

from head_patching import memory
from head_patching.memory import available_memory, left_by_groups, require_memory

GIB = 2**30


@pytest.fixture
def limited(tmp_path: Path) -> Path:
    """A system with a job of 4 GiB in a container of 6 GiB, as Linux shows it."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("1:cpu:/old\n0::/container/job\n")
    groups = tmp_path / "sys/fs/cgroup"
    (groups / "container/job").mkdir(parents=True)
    for folder, limit, used, cached in (
        ("container", str(6 * GIB), 5 * GIB, 0),
        ("container/job", str(4 * GIB), 3 * GIB, GIB),
    ):
        (groups / folder / "memory.max").write_text(f"{limit}\n")
        (groups / folder / "memory.current").write_text(f"{used}\n")
        stat = f"anon 1\ninactive_file {cached}\n"
        (groups / folder / "memory.stat").write_text(stat)
    return tmp_path


def test_each_group_leaves_its_limit_less_what_cannot_be_given_up(limited: Path):
    assert list(left_by_groups(limited)) == [2 * GIB, GIB]


def test_a_group_without_a_limit_leaves_everything(limited: Path):
    (limited / "sys/fs/cgroup/container/memory.max").write_text("max\n")
    assert list(left_by_groups(limited)) == [2 * GIB]


def test_a_system_without_groups_has_no_limits(tmp_path: Path):
    assert list(left_by_groups(tmp_path)) == []
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/first/version\n")
    assert list(left_by_groups(tmp_path)) == []


def test_the_narrowest_limit_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "left_by_groups", lambda: iter([3 * GIB, GIB // 4]))
    assert available_memory() == GIB // 4
    monkeypatch.setattr(memory, "left_by_groups", lambda: iter([]))
    assert GIB // 4 < available_memory() <= psutil.virtual_memory().total


def test_what_needs_more_than_there_is_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "left_by_groups", lambda: iter([GIB // 2]))
    require_memory(GIB // 2, "64 pairs", "ask for fewer")
    with pytest.raises(
        ValueError, match=r"^64 pairs need 0.6 GiB .* 0.5 GiB are .* fewer$"
    ):
        require_memory(GIB // 2 + GIB // 10, "64 pairs", "ask for fewer")
