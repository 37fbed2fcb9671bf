"""What was written is read, and what is anything else is refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from head_patching.files.provenance import write_record
from head_patching.files.reading import read_json, reading
from head_patching.files.recorded import noting_changed_files
from head_patching.files.records import read_record
from head_patching.files.schema import SCHEMA_VERSION, require_version
from head_patching.files.tables import read_columns
from head_patching.files.writing import write_csv, write_json

COLUMNS = {"layer": int, "role": str, "value": float}
TABLE = pd.DataFrame({"layer": [0, 3], "role": ["x", "y"], "value": [0.5, -1.0]})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table as a command writes it, with its record."""
    path = tmp_path / "roles.csv"
    write_csv(path, TABLE)
    write_record({"command": "c"}, path)
    return path


def test_a_table_is_what_was_written(table: Path) -> None:
    pd.testing.assert_frame_equal(read_columns(table, COLUMNS), TABLE)
    as_text = read_columns(table, {"value": str}, others=str)
    assert as_text["value"].tolist() == ["0.500000", "-1.000000"]
    assert as_text["layer"].tolist() == ["0", "3"]


def test_an_edited_table_is_noticed_until_its_record_is_deleted(table: Path) -> None:
    table.write_text(table.read_text().replace("0.5", "0.6"))
    with pytest.raises(ValueError, match="is not the file that roles"):
        read_columns(table, COLUMNS)
    (table.parent / "roles.run.json").unlink()
    assert read_columns(table, COLUMNS)["value"].tolist() == [0.6, -1.0]


def test_an_edited_table_is_read_and_named_where_changes_are_noted(
    table: Path,
) -> None:
    table.write_text(table.read_text().replace("0.5", "0.6"))
    with noting_changed_files() as changed:
        assert read_columns(table, COLUMNS)["value"].tolist() == [0.6, -1.0]
    assert changed == [str(table)]
    with pytest.raises(ValueError, match="is not the file that roles"):
        read_columns(table, COLUMNS)


def test_an_edited_table_that_a_run_wrote_besides_is_noticed(tmp_path: Path) -> None:
    evidence, table = tmp_path / "evidence.nc", tmp_path / "evidence.csv"
    evidence.write_text("x")
    write_csv(table, TABLE)
    write_csv(tmp_path / "criteria.csv", TABLE)
    written = [table, tmp_path / "criteria.csv", tmp_path / "absent.csv"]
    write_record({"command": "c"}, evidence, [evidence, *written])
    for path in written[:2]:
        assert len(read_columns(path, COLUMNS)) == 2
        path.write_text(path.read_text().replace("0.5", "0.6"))
        with pytest.raises(ValueError, match=r"file that evidence\.run\.json"):
            read_columns(path, COLUMNS)


def test_a_record_that_another_job_has_just_removed_is_passed_over(table: Path) -> None:
    (table.parent / "circuit.run.json").symlink_to("gone")
    assert len(read_columns(table, COLUMNS)) == 2
    (table.parent / "circuit.run.json").unlink()
    (table.parent / "circuit.run.json").write_text("no JSON")
    with pytest.raises(ValueError, match=r"circuit\.run\.json is not JSON"):
        read_columns(table, COLUMNS)


def test_a_record_of_another_file_of_that_name_says_nothing(table: Path) -> None:
    table.with_suffix(".nc").write_text("x")
    write_record({"command": "c"}, table.with_suffix(".nc"))
    assert len(read_columns(table, COLUMNS)) == 2
    table.write_text(table.read_text().replace("0.5", "0.6"))
    assert len(read_columns(table, COLUMNS)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer,role\n0,x", "its last line is not complete"),
        ("layer,role\n0,x,1\n", "a line has more cells than the first"),
        ("layer,role\n0,x\ny,x\n", "line 3: layer is 'y', expected a whole number"),
        ("head,role\n0,x\n", "column 'layer' is missing"),
        ("", "is not a table"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "roles.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"roles\.csv.*{message}.*restore it"):
        read_columns(path, {"layer": int, "role": str}, again="restore it")


@pytest.mark.parametrize("bug", [NameError, AttributeError, IndexError])
def test_a_bug_is_no_damaged_file(table: Path, bug: type[Exception]) -> None:
    with pytest.raises(bug), reading(table, "a table"):
        raise bug("of ours")


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00", "null"])
def test_json_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"model\.json is not JSON, or damaged"):
        read_json(path)


def test_a_record_has_its_keys_and_not_the_version(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_json(path, {"config": {"n": 1}})
    assert read_record(path, ["config"]) == {"config": {"n": 1}}
    with pytest.raises(ValueError, match="key 'provenance' is missing"):
        read_record(path, ["config", "provenance"])


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (SCHEMA_VERSION + 1, "is of a newer head-patching.*use the newer one"),
        (SCHEMA_VERSION - 1, "of an older head-patching or another program"),
        (None, "no schema version"),
        (True, "schema version True"),
        (str(SCHEMA_VERSION), f"schema version '{SCHEMA_VERSION}'"),
        ("x" * 1000, "schema version 'x{1,60}, of"),
    ],
)
def test_what_is_said_of_other_versions(version: object, message: str) -> None:
    require_version("x.json", SCHEMA_VERSION)
    with pytest.raises(ValueError, match=rf"x\.json: .*{message}"):
        require_version("x.json", version)
