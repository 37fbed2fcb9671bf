"""Where tables are, what functions read, and that writers keep to the register."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from head_patching.files.folders import Folders
from head_patching.files.register import TABLES, inputs, inputs_of
from head_patching.files.tables import read_table
from head_patching.files.writing import write_table

FOLDERS = Folders(
    Path("results"),
    Path("results/m"),
    {"ioi": Path("results/m/ioi/abc"), "induction": Path("results/m/induction/moved")},
)


def rows(name: str) -> pd.DataFrame:
    """A row of a table: `a` where it holds a text, 1 where it holds a number."""
    columns = TABLES[name].columns.items()
    return pd.DataFrame({name: ["a" if kind is str else 1] for name, kind in columns})


def compared(roles_by_task, effects, *, top=3, model_roles, task):
    """A function with parameters of all sorts."""


def test_parameters_that_are_tables_are_inputs() -> None:
    expected = ("roles_by_task", "effects", "model_roles")
    assert inputs(compared) == expected
    assert inputs_of(__file__, "compared") == expected


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no function 'nothing'"):
        inputs_of(__file__, "nothing")


def test_a_tables_folder_follows_from_its_scope() -> None:
    found = FOLDERS.paths(inputs(compared), "ioi")
    assert {name: [str(path) for path in paths] for name, paths in found.items()} == {
        "roles_by_task": [
            "results/m/ioi/abc/roles.csv",
            "results/m/induction/moved/roles.csv",
        ],
        "effects": ["results/m/ioi/abc/effects.csv"],
        "model_roles": ["results/m/model_roles.csv"],
    }
    assert FOLDERS.path("scores") == Path("results/validation/scores.csv")
    assert FOLDERS.path("model") == Path("results/m/model/model.json")
    assert FOLDERS.path("provenance") == Path("results/provenance.json")


def test_no_two_tables_have_the_same_file() -> None:
    places = [(table.scope, table.file) for table in TABLES.values()]
    assert len({*places}) == len(places)


def test_the_register_needs_nothing_slow() -> None:
    code = "import sys, head_patching.files.register; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"pandas", "numpy", "torch", "typer"} & {*loaded}
    ours = {name for name in loaded if name.startswith("head_patching")}
    assert ours == {
        "head_patching",
        "head_patching.files",
        "head_patching.files.register",
        "head_patching.files.table",
    }


def test_texts_are_read_as_written_and_empty_numbers_as_nan(tmp_path: Path) -> None:
    path = tmp_path / "circuit.csv"
    table = pd.concat([rows("circuit")] * 3)
    table["position"] = ["NA", "", "01"]
    table["value"] = [0.5, None, 1]
    write_table("circuit", path, table)
    read = read_table("circuit", path)
    assert read["position"].tolist() == ["NA", "", "01"]
    assert read["value"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    "changed",
    [
        rows("roles").drop(columns="role"),
        rows("roles").assign(extra=1),
        rows("roles")[["head", "layer", *list(TABLES["roles"].columns)[2:]]],
        rows("roles").assign(layer="first"),
        rows("roles").assign(layer=0.5),
    ],
    ids=["missing", "more", "order", "text", "not whole"],
)
def test_a_table_unlike_the_register_is_not_written(
    changed: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match="roles"):
        write_table("roles", tmp_path / "roles.csv", changed)
    assert not list(tmp_path.iterdir())


def test_no_rows_are_refused_where_there_must_be_some(tmp_path: Path) -> None:
    for name in ("roles", "overlap"):
        write_table(name, tmp_path / f"{name}.csv", rows(name).head(0))
    assert read_table("overlap", tmp_path / "overlap.csv").empty
    with pytest.raises(ValueError, match=r"roles\.csv: there are no rows"):
        read_table("roles", tmp_path / "roles.csv")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("0,0,a,1,a,much\n", "line 2: probability is 'much', expected a number"),
        ("0.5,0,a,1,a,1\n", "line 2: layer is '0.5', expected a whole number"),
        ("0,0,a,1,a,1", "its last line is not complete"),
    ],
)
def test_damage_is_told_in_one_line(cells: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    path.write_text(",".join(TABLES["roles"].columns) + "\n" + cells)
    with pytest.raises(ValueError, match=message):
        read_table("roles", path)
