"""Which pairs stand out: by hand, and in planted models without noise.

`test_planted_graph.py` has the same at the default noise.
"""

import numpy as np
import pandas as pd
import pytest

from head_patching.planted.circuit import ARCHITECTURES
from head_patching.roles.inspection.edges import PAIR, edges
from head_patching.roles.inspection.tables import composition_table
from tests.planted_models import planted_model
from tests.roles.inspection.planted_wiring import planted_edges, unexplained


def test_the_planted_edges_are_those_of_the_published_circuit():
    """Positions are learned in GPT-2: no head needs to be told of places by another."""
    roles = {(kind, *pair) for (kind, *_), pair in planted_edges("gpt2", 3).items()}
    assert roles == {
        ("k", "previous token", "induction"),
        ("k", "duplicate token", "S-inhibition"),
        ("k", "induction", "S-inhibition"),
        ("v", "duplicate token", "S-inhibition"),
        ("v", "induction", "S-inhibition"),
        ("q", "S-inhibition", "name mover"),
        ("q", "S-inhibition", "negative name mover"),
        ("q", "S-inhibition", "backup name mover"),
        ("q", "name mover", "backup name mover"),
    }


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_noise_the_graph_is_the_planted_one(architecture, seed):
    table = composition_table(planted_model(architecture, seed=seed), seed=0)
    found = set(edges(table)[["kind", *PAIR]].itertuples(index=False, name=None))
    planted = set(planted_edges(architecture, seed))
    assert planted <= found
    assert not unexplained(architecture, seed, found)
    if architecture == "gpt2":  # no head shares keys and values
        assert planted == found


def table(ratios, sd=0.01):
    """Pairs of one kind with these values over a baseline of 0.1."""
    n = len(ratios)
    return pd.DataFrame(
        {
            "kind": "k", "layer": 0, "head": np.arange(n), "later_layer": 1,
            "later_head": 0, "value": 0.1 * np.array(ratios), "baseline": 0.1,
            "baseline_sd": sd,
        }
    )  # fmt: skip


def test_an_edge_stands_out_from_random_matrices_and_from_other_pairs():
    usual = [0.9, 1.0, 1.1, 1.0, 0.8, 1.2, 1.0, 1.1]
    found = edges(table([*usual, 3.0, 2.2]))
    assert found["head"].tolist() == [8, 9]
    # From the median 1.05 in units of 1.4826 x the median deviation 0.1.
    np.testing.assert_allclose(found["z"], [1.95 / 0.14826, 1.15 / 0.14826])
    # High for random matrices, but so are all pairs of this model.
    assert edges(table([5 + each for each in usual])).empty
    # Unlike the others, but no higher than random matrices are at times.
    assert edges(table([*usual, 3.0], sd=0.05)).empty


def test_kinds_are_compared_with_their_own_kind():
    low, high = table([0.9, 1.0, 1.1, 3.0]), table([8.9, 9.0, 9.1, 11.0])
    found = edges(pd.concat([low, high.assign(kind="v")], ignore_index=True))
    assert set(zip(found["kind"], found["head"], strict=True)) == {("k", 3), ("v", 3)}


def test_pairs_without_a_score_are_no_edges():
    some = table([0.9, 1.0, 1.1, 3.0, 0.0, 0.0])
    some.loc[4:, ["baseline", "baseline_sd"]] = 0
    assert edges(some)["head"].tolist() == [3]
