"""Rows ranked and grouped, and tables read when they are needed."""

import pandas as pd
import pytest

from head_patching.files.folders import Folders
from head_patching.reporting.select import heads_by_strength, roles_by_head
from head_patching.reporting.sources import TablesInFolders, arguments
from head_patching.terms import ROLES


def test_heads_are_ranked_by_size_then_layer_then_head():
    effects = pd.DataFrame(
        [
            ("output", "denoising", 2, 0, -0.5),
            ("output", "denoising", 1, 1, 0.5),
            ("output", "denoising", 1, 0, 0.5),
            ("output", "denoising", 0, 0, 0.7),
            ("output", "noising", 0, 1, 0.9),
            ("q", "denoising", 0, 1, 0.9),
        ],
        columns=["patch_type", "direction", "layer", "head", "effect"],
    )
    assert heads_by_strength(effects) == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_the_roles_of_a_head_come_in_circuit_order():
    roles = pd.DataFrame(
        {"layer": [3, 3, 4], "head": [1, 1, 0]}
        | {"role": ["previous token", "induction", "no role"]}
    )
    by_head = roles_by_head(roles)
    assert by_head == {(3, 1): ["induction", "previous token"], (4, 0): ["no role"]}
    assert ROLES.index("induction") < ROLES.index("previous token")


def test_parameters_name_tables(tables):
    given = arguments(["roles_by_task", "scores", "task"], tables, "ioi")
    assert given["roles_by_task"] == {"ioi": tables["roles"]}
    assert given["scores"] is tables["scores"]
    assert given["task"] == "ioi"
    with pytest.raises(TypeError, match="there is no table 'rolls' in the register"):
        arguments(["rolls"], tables)


def test_a_table_is_read_once_and_only_when_it_is_needed(tmp_path):
    folders = Folders(tmp_path, tmp_path / "m", {"ioi": tmp_path / "m/ioi/abc"})
    tables = TablesInFolders(folders, [])
    with pytest.raises(FileNotFoundError, match=r"m/weights\.csv does not exist"):
        tables.table("weights")
    (tmp_path / "m").mkdir()
    (tmp_path / "m/weights.csv").write_text("layer,head,criterion,value\n0,1,x,0.5\n")
    first = tables.table("weights")
    (tmp_path / "m/weights.csv").unlink()
    assert tables.table("weights") is first
