"""Weights against roles and effects, on six heads worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from head_patching.roles.inspection import by_role
from head_patching.statistics import Statistics

# Layers 0 to 2 of two heads: (0, 1) feeds (2, 0).
HEADS = [(layer, head) for layer in range(3) for head in range(2)]
ROLES = pd.DataFrame(HEADS, columns=["layer", "head"]).assign(role="no role")
ROLES.loc[1, "role"] = "previous token"
ROLES.loc[4, "role"] = "induction"
NO_ROLES = ROLES.assign(role="no role")
PAIRS = [(*one, *other) for one in HEADS for other in HEADS if one[0] < other[0]]


def table(**criteria: list[float]) -> pd.DataFrame:
    """One row per criterion and head, in the order of HEADS."""
    parts = [
        ROLES[["layer", "head"]].assign(criterion=name, value=values)
        for name, values in criteria.items()
    ]
    return pd.concat(parts, ignore_index=True)


WEIGHTS = pd.concat(
    [
        table(
            ov_copying=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            qk_previous_token=[0.0, 0.9, 0.1, 0.2, 0.3, 0.4],
            ov_copy_names=[0.0] * 6,
        ),
        table(first=[np.nan, np.nan, 0.1, 0.2, 0.9, 0.3]).assign(
            criterion="ov_copying.mlp"
        ),
    ]
)
EFFECTS = table(path=[0.0, 0.1, 0.2, 0.3, 0.5, 0.4]).assign(criterion="path.logits")


def composition(**kinds: dict) -> pd.DataFrame:
    """Pairs of value 0.1, and what is given of others."""
    parts = []
    for kind, others in kinds.items():
        part = pd.DataFrame(PAIRS, columns=by_role.PAIR).assign(
            kind=kind, baseline=0.1, baseline_sd=0.01
        )
        # Not all the same: the spread over pairs would be 0.
        usual = [0.1 + 0.001 * (number % 3) for number in range(len(PAIRS))]
        part["value"] = [
            others.get(pair, low) for pair, low in zip(PAIRS, usual, strict=True)
        ]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_agreement_by_hand():
    found = by_role.weight_ranking(WEIGHTS, EFFECTS, ROLES, Statistics(200, 0, seed=1))
    found = found.set_index("criterion")
    # Criteria nobody asked of a role are left out.
    assert list(found.index) == ["ov_copying", "ov_copying.mlp", "qk_previous_token"]
    copying = found.loc["ov_copying"]
    assert (copying["role"], copying["effect"]) == ("induction", "path.logits")
    # Two neighbouring ranks are exchanged: 1 - 6 * 2 / (6 * 35).
    assert copying["spearman"] == pytest.approx(1 - 12 / 210)
    assert copying["ci_low"] < copying["spearman"] <= copying["ci_high"]
    # One of the five others is higher.
    assert copying["auc"] == pytest.approx(0.8)
    assert (copying["n_in_role"], copying["n_heads"]) == (1, 6)
    # Of the four heads behind the first MLP the role's is the highest.
    mlp = found.loc["ov_copying.mlp"]
    assert (mlp["auc"], mlp["n_in_role"], mlp["n_heads"]) == (1, 1, 4)
    # The effect of this role was never measured; its area needs none.
    previous = found.loc["qk_previous_token"]
    assert np.isnan(previous[["spearman", "ci_low", "ci_high"]].astype(float)).all()
    assert previous["auc"] == 1


def test_without_heads_in_a_role_there_is_no_area_but_a_correlation():
    found = by_role.weight_ranking(
        WEIGHTS, EFFECTS, NO_ROLES, Statistics(50, 0, seed=1)
    )
    assert found["auc"].isna().all()
    assert (found["n_in_role"] == 0).all()
    assert found["spearman"].notna().tolist() == [True, True, False]
    assert by_role.weight_roc(WEIGHTS, NO_ROLES).empty
    assert list(by_role.weight_roc(WEIGHTS, NO_ROLES)) == [
        "role", "criterion", "false_positive", "true_positive",
    ]  # fmt: skip


def test_the_curves_by_hand():
    curves = by_role.weight_roc(WEIGHTS, ROLES)
    copying = curves[curves["criterion"] == "ov_copying"]
    # The highest head is another one, the second highest has the role.
    assert copying["false_positive"].tolist() == [0, 0.2, 0.2, 0.4, 0.6, 0.8, 1]
    assert copying["true_positive"].tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert set(curves["role"]) == {"induction", "previous token"}


def test_the_pair_of_the_two_roles_by_hand():
    pair = (0, 1, 2, 0)
    table = composition(k={pair: 0.5}, match={}, **{"match.mlp": {}})
    found = by_role.weight_pairs(table, ROLES, 500, seed=0).set_index("kind")
    others = [0.1 + 0.001 * (n % 3) for n, other in enumerate(PAIRS) if other != pair]
    assert found.loc["k", "difference"] == pytest.approx(0.5 - np.mean(others))
    # Heads of two layers change places: the pair is one of four.
    assert found.loc["k", "p_value"] == pytest.approx(1 / 4, abs=0.06)
    assert (found["n_pairs"] == 1).all()
    assert list(found.index) == ["k", "match", "match.mlp"]


@pytest.mark.parametrize("wrong", ["no heads", "wrong order"])
def test_without_a_pair_nothing_is_tested(wrong):
    roles = NO_ROLES.copy()
    if wrong == "wrong order":
        roles.loc[[0, 5], "role"] = ["induction", "previous token"]
    found = by_role.weight_pairs(composition(k={}), roles, 50, seed=0)
    assert found[["difference", "p_value"]].isna().all(axis=None)
    assert (found["n_pairs"] == 0).all()


def test_edges_know_the_roles_of_both_heads():
    both = ROLES.copy()
    both.loc[6] = (2, 0, "previous token")
    table = composition(
        k={(0, 1, 2, 0): 0.5}, v={(0, 0, 1, 0): 0.4}, match={(0, 0, 1, 0): 9.0}
    )
    found = by_role.composition_edges(table, both)
    shown = ["kind", "layer", "head", "later_layer", "later_head", "role", "later_role"]
    assert found[shown].to_numpy().tolist() == [
        ["k", 0, 1, 2, 0, "previous token", "induction, previous token"],
        ["v", 0, 0, 1, 0, "no role", "no role"],
    ]
    # (0.5 - 0.1) / 0.01 is less than the distance from the other pairs.
    assert found["z"].tolist() == pytest.approx([40, 30])


def test_without_edges_the_columns_remain():
    found = by_role.composition_edges(composition(k={}), ROLES)
    assert found.empty
    assert {"kind", "z", "role", "later_role"} <= set(found)
