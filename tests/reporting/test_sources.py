"""Result files are read as a whole or refused with one line."""

import dataclasses

import pandas as pd
import pytest

from head_patching.reporting.sources import ROLES, read_results
from tests.reporting.synthetic import result_paths, write_results


def test_a_missing_column_is_named(tmp_path):
    folder = write_results(tmp_path)
    effects = pd.read_csv(folder / "effects.csv").drop(columns="q_value")
    effects.to_csv(folder / "effects.csv", index=False)
    with pytest.raises(ValueError, match=r"effects\.csv: column 'q_value' is missing"):
        read_results(**result_paths(folder))


def test_an_empty_table_is_refused(tmp_path):
    folder = write_results(tmp_path)
    pd.read_csv(folder / "roles.csv").head(0).to_csv(folder / "roles.csv", index=False)
    with pytest.raises(ValueError, match=r"roles\.csv: there are no rows"):
        read_results(**result_paths(folder))


def test_heads_are_ranked_by_size_then_layer_then_head(results):
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
    few = dataclasses.replace(results, effects=effects)
    assert few.heads_by_strength() == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_the_roles_of_a_head_come_in_circuit_order(results):
    roles = pd.DataFrame(
        {"layer": [3, 3, 4], "head": [1, 1, 0]}
        | {"role": ["previous token", "induction", "no role"]}
    )
    by_head = dataclasses.replace(results, roles=roles).roles_by_head()
    assert by_head == {(3, 1): ["induction", "previous token"], (4, 0): ["no role"]}
    assert ROLES.index("induction") < ROLES.index("previous token")
