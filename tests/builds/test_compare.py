"""The comparison of two builds finds every difference but those that were declared."""

from pathlib import Path

import pytest

from .compare import Rename, differences

TABLE = b"layer,head,effect\n0,1,0.5\n"
NUMBERS = b"key,text,exact,files\nioi/n,3,3,a.csv\nioi/old,1,1,a.csv b.csv\n"


@pytest.fixture
def builds(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal folders of results."""
    for folder in ("old", "new"):
        (tmp_path / folder / "ioi").mkdir(parents=True)
        (tmp_path / folder / "ioi/effects.csv").write_bytes(TABLE)
        (tmp_path / folder / "numbers.csv").write_bytes(NUMBERS)
        (tmp_path / folder / "effects.run.json").write_text(folder)
        (tmp_path / folder / "figure.pdf").write_text(folder)
    return tmp_path / "old", tmp_path / "new"


def test_equal_builds(builds):
    assert list(differences(*builds, [])) == []


def test_a_changed_byte(builds):
    old, new = builds
    (new / "ioi/effects.csv").write_bytes(TABLE.replace(b"0.5", b"0.6"))
    (found,) = differences(old, new, [])
    assert found.startswith("ioi/effects.csv: differs from byte 24")


def test_a_missing_and_a_new_file(builds):
    old, new = builds
    (new / "ioi/effects.csv").rename(new / "ioi/moved.csv")
    assert list(differences(old, new, [])) == [
        "ioi/effects.csv: missing in the new build",
        "ioi/moved.csv: not in the old build",
    ]
    moved = Rename("path", "ioi/effects.csv", "ioi/moved.csv")
    assert list(differences(old, new, [moved])) == []


def test_a_renamed_key(builds):
    old, new = builds
    header, of_n, of_old = NUMBERS.splitlines(keepends=True)
    of_new = of_old.replace(b"ioi/old", b"ioi/a-new")
    (new / "numbers.csv").write_bytes(header + of_new + of_n)  # sorted again
    assert len(list(differences(old, new, []))) == 1
    rename = Rename("numbers.*", "ioi/old", "ioi/a-new")
    assert list(differences(old, new, [rename])) == []
    assert list(differences(old, new, [Rename("*.tex", "ioi/old", "ioi/a-new")]))


def test_the_files_of_a_number_may_grow_only(builds):
    old, new = builds
    (new / "numbers.csv").write_bytes(NUMBERS.replace(b"3,3,a.csv", b"3,3,a.csv c.csv"))
    assert list(differences(old, new, [])) == []
    (new / "numbers.csv").write_bytes(NUMBERS.replace(b"1,1,a.csv b.csv", b"1,1,b.csv"))
    assert list(differences(old, new, [])) == ["numbers.csv: ioi/old lost ['a.csv']"]
