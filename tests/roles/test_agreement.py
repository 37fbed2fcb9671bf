"""Agreement of found roles with a list, on tables small enough to count."""

import numpy as np
import pandas as pd
import pytest

from head_patching.roles import published
from head_patching.roles.agreement import agreement, disagreements
from head_patching.statistics import Statistics

LIST = {"name mover": ((0, 0), (0, 1)), "induction": ((1, 0),)}


def roles(held, n_layers=2, n_heads=5):
    """roles.csv with these roles, and none elsewhere."""
    rows = [
        (*head, role)
        for head in np.ndindex(n_layers, n_heads)
        for role in held.get(head, ["no role"])
    ]
    return pd.DataFrame(rows, columns=["layer", "head", "role"])


FOUND = roles({(0, 0): ["name mover"], (1, 1): ["name mover"], (1, 0): ["undecided"]})


def test_counts_and_kappa_by_hand():
    table = agreement(FOUND, LIST, Statistics(50, 0, seed=0)).set_index("role")
    row = table.loc["name mover"]
    assert row[["published", "found", "both"]].tolist() == [2, 2, 1]
    assert (row["precision"], row["recall"]) == (0.5, 0.5)
    # Of 10 heads 8 agree; chance: 0.2 * 0.2 + 0.8 * 0.8 = 0.68.
    assert row["kappa"] == pytest.approx((0.8 - 0.68) / 0.32)
    assert row["kappa_low"] <= row["kappa"] <= row["kappa_high"]
    assert np.isnan(table.loc["induction", "precision"])  # nothing was found
    assert table.loc["induction", "recall"] == 0
    assert table.loc["all roles", "both"] == 1


def test_a_list_agrees_with_itself():
    held = {head: [role] for role, heads in LIST.items() for head in heads}
    table = agreement(roles(held), LIST, Statistics(20, 0, seed=0))
    assert (table[["precision", "recall", "kappa"]] == 1).all(axis=None)


def test_disagreements_carry_the_evidence_of_the_role():
    criteria = pd.DataFrame(
        {
            "layer": [0, 1, 1],
            "head": [1, 1, 0],
            "role": ["name mover", "name mover", "induction"],
            "criterion": "copy_score",
            "value": [0.1, 0.9, 0.2],
        }
    )
    table = disagreements(FOUND, criteria, LIST)
    found = [tuple(row) for row in table[["layer", "head", "side", "value"]].values]
    assert found == [
        (0, 1, "published", 0.1), (1, 1, "measured", 0.9), (1, 0, "published", 0.2)
    ]  # fmt: skip


def test_another_models_list_is_refused():
    with pytest.raises(ValueError, match="L9H6, a published name mover, is not in"):
        agreement(FOUND, published.ROLES, Statistics(5, 0, seed=0))
