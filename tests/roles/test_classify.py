"""Classification of planted evidence with the project's own table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from head_patching.patching.effects import Importance
from head_patching.roles.classify import classify
from head_patching.roles.criteria import Criterion, read_criteria

CRITERIA = read_criteria(Path(__file__).parents[2] / "config" / "roles" / "ioi.yaml")
EFFECTS = {row.criterion for row in CRITERIA if row.comparison.startswith("effect")}
OTHER_EFFECT = "effect.noising.output"  # tested, but in no role's criteria
MEASURED = sorted({row.criterion for row in CRITERIA} | {OTHER_EFFECT})
IMPORTANCE = Importance(threshold=0.02, rate=0.05)
TOLD, UNTOLD = 0.001, 1.0  # q-values

# What a head of each role shows; everything else is near 0 as in other heads.
PLANTED = {
    (9, 6): {"path.logits": 0.3, "attention.END.IO": 0.6, "copy_score": 0.9},
    (10, 7): {
        "path.logits": -0.2,
        "attention.END.IO": 0.7,
        "negative_copy_score": 0.98,
    },
    (8, 3): {
        "path.logits": 0.1,
        "attention.END.S": 0.6,
        "negative_copy_score": 1.0,
    },
    (11, 1): {
        "knocked_out.effect": 0.2,
        "knocked_out.interaction": 0.15,
        "copy_score": 0.8,
    },
    (7, 9): {"stage.name_mover_queries": 0.1, "attention.END.S2": 0.5},
    (3, 0): {
        "stage.s_inhibition_values": 0.2,
        "attention.S2.S1": 0.7,
        "duplicate_token_score": 0.6,
    },
    (5, 5): {
        "stage.s_inhibition_values": 0.1,
        "attention.S2.S1+1": 0.5,
        "induction_score": 0.9,
    },
    (2, 2): {
        "stage.induction_keys": 0.05,
        "attention.S1+1.S1": 0.9,
        "previous_token_score": 0.8,
    },
}
ROLES = {
    (9, 6): "name mover",
    (10, 7): "negative name mover",
    (8, 3): "copy suppression of S",
    (11, 1): "backup name mover",
    (7, 9): "S-inhibition",
    (3, 0): "duplicate token",
    (5, 5): "induction",
    (2, 2): "previous token",
}


def evidence(planted, q_value=TOLD, n_layers=12, n_heads=10):
    """Small effects around 0, all else around 0.02; planted effects are significant."""
    generator = np.random.default_rng(0)
    rows = []
    for layer, head in np.ndindex(n_layers, n_heads):
        for criterion in MEASURED:
            is_effect = criterion in EFFECTS | {OTHER_EFFECT}
            value = 0.02 * (not is_effect) + generator.uniform(-0.01, 0.01)
            value = planted.get((layer, head), {}).get(criterion, value)
            q = q_value if is_effect else UNTOLD
            rows.append((layer, head, criterion, value, value - 1, value + 1, q))
    columns = ["layer", "head", "criterion", "value", "ci_low", "ci_high", "q_value"]
    return pd.DataFrame(rows, columns=columns)


def classified(planted, **options):
    return classify(evidence(planted, **options), CRITERIA, IMPORTANCE)


def of_head(roles, head):
    return roles[(roles["layer"] == head[0]) & (roles["head"] == head[1])]


def test_every_planted_role_is_found_and_no_other():
    roles, role_criteria = classified(PLANTED)
    held = roles[~roles["role"].isin(["undecided", "no role"])]
    assert {(r.layer, r.head): r.role for r in held.itertuples()} == ROLES
    assert {(r.layer, r.head) for r in roles.itertuples() if r.important} == set(ROLES)
    assert len(roles) == 12 * 10
    assert (roles.loc[held.index, "missing"] == "").all()
    assert len(role_criteria) == 12 * 10 * len(CRITERIA)


def test_no_role_and_not_important_without_effects_told_from_zero():
    roles, _ = classified(PLANTED, q_value=0.051)
    assert set(roles["role"]) == {"no role"}
    assert not roles["important"].any()
    missing = {(r.layer, r.head): r.missing for r in roles.itertuples() if r.missing}
    for head, role in ROLES.items():
        effects = [name for name in PLANTED[head] if name in EFFECTS]
        assert f"{role}: {', '.join(effects)}" in missing.pop(head).split("; ")
    assert not missing


@pytest.mark.parametrize("head", list(PLANTED))
def test_without_any_one_of_its_criteria_a_head_is_undecided(head):
    for criterion in PLANTED[head]:
        lacking = {name: v for name, v in PLANTED[head].items() if name != criterion}
        roles, _ = classified(PLANTED | {head: lacking | {OTHER_EFFECT: 0.1}})
        row = of_head(roles, head)
        assert row["role"].tolist() == ["undecided"]
        assert f"{ROLES[head]}: {criterion}" in row["missing"].item().split("; ")


@pytest.mark.parametrize("head", list(PLANTED))
def test_what_could_not_be_measured_is_named(head):
    """As when no receivers of a path were found: NaN for every head."""
    effect = next(name for name in PLANTED[head] if name in EFFECTS)
    table = evidence(PLANTED | {head: PLANTED[head] | {OTHER_EFFECT: 0.1}})
    unknown = table["criterion"] == effect
    table.loc[unknown, ["value", "ci_low", "ci_high"]] = np.nan
    table.loc[unknown, "q_value"] = 1.0
    roles, role_criteria = classify(table, CRITERIA, IMPORTANCE)
    row = of_head(roles, head)
    assert row["role"].tolist() == ["undecided"]
    assert f"{ROLES[head]}: {effect}" in row["missing"].item().split("; ")
    asked = role_criteria[role_criteria["criterion"] == effect]
    assert not asked["verdict"].any()
    assert asked["value"].isna().all()
    needing = {r.role for r in CRITERIA if r.criterion == effect}
    assert needing.isdisjoint(roles["role"])
    kept = {h: role for h, role in ROLES.items() if role not in needing}
    for other, role in kept.items():
        assert of_head(roles, other)["role"].tolist() == [role]


def test_what_was_not_measured_on_one_head_leaves_the_others_alone():
    # Name movers themselves have no effect with the name movers knocked out.
    table = evidence(PLANTED)
    knocked_out = table["criterion"].str.startswith("knocked_out")
    of_mover = (table["layer"] == 9) & (table["head"] == 6)
    table.loc[knocked_out & of_mover, ["value", "ci_low", "ci_high"]] = np.nan
    roles, _ = classify(table, CRITERIA, IMPORTANCE)
    for head, role in ROLES.items():
        assert of_head(roles, head)["role"].tolist() == [role]


@pytest.mark.parametrize("head", [(9, 6), (10, 7), (8, 3)])
def test_the_sign_of_the_direct_effect_separates_the_copiers(head):
    swapped = PLANTED[head] | {"path.logits": -PLANTED[head]["path.logits"]}
    roles, _ = classified({head: swapped})
    assert of_head(roles, head)["role"].tolist() == ["undecided"]


def test_a_head_can_have_several_roles_in_the_order_of_the_table():
    both = {(5, 5): PLANTED[(5, 5)] | PLANTED[(3, 0)] | PLANTED[(9, 6)]}
    roles, _ = classified(PLANTED | both)
    rows = of_head(roles, (5, 5))
    assert rows["role"].tolist() == ["name mover", "duplicate token", "induction"]
    assert rows["important"].tolist() == [1, 1, 1]
    assert len(roles) == 12 * 10 + 2


def test_an_important_head_that_shows_nothing_lacks_everything():
    roles, _ = classified({(4, 4): {OTHER_EFFECT: -0.02}})
    row = of_head(roles, (4, 4))
    assert row["role"].tolist() == ["undecided"]
    assert row["missing"].item() == "every criterion of every role"
    assert (roles["role"] == "no role").sum() == len(roles) - 1


@pytest.mark.parametrize(
    ("value", "q_value", "important"),
    [
        (0.02, 0.05, 1),
        (-0.4, 0.001, 1),
        (0.019, 0.001, 0),
        (0.5, 0.06, 0),
        (0.5, 1.0, 0),  # of what is not tested, as attention, q is 1
        (np.nan, 0.001, 0),
    ],
)
def test_importance_needs_size_and_test(value, q_value, important):
    table = evidence({})
    here = (table["layer"] == 1) & (table["criterion"] == OTHER_EFFECT)
    table.loc[here, ["value", "q_value"]] = [value, q_value]
    roles, _ = classify(table, CRITERIA, IMPORTANCE)
    assert (roles.loc[roles["layer"] == 1, "important"] == important).all()
    assert (roles.loc[roles["layer"] != 1, "important"] == 0).all()


def test_no_published_head_is_preferred():
    """Evidence moved to other heads moves the roles with it."""
    moved = {
        ((layer + 1) % 12, (head + 1) % 10): v for (layer, head), v in PLANTED.items()
    }
    roles, _ = classified(moved)
    for (layer, head), role in ROLES.items():
        row = of_head(roles, ((layer + 1) % 12, (head + 1) % 10))
        assert row["role"].tolist() == [role]


def test_row_order_of_the_evidence_does_not_matter():
    table = evidence(PLANTED)
    for before, after in zip(
        classify(table, CRITERIA, IMPORTANCE),
        classify(table.sample(frac=1, random_state=0), CRITERIA, IMPORTANCE),
        strict=True,
    ):
        pd.testing.assert_frame_equal(before, after)


def test_columns_and_verdicts_by_hand():
    table = pd.DataFrame(
        {
            "layer": [0, 0, 0],
            "head": [0, 1, 2],
            "criterion": "x",
            "value": [0.9, 0.4, np.nan],
            "ci_low": [0.8, 0.3, np.nan],
            "ci_high": [1.0, 0.5, np.nan],
            "q_value": [0.01, 0.01, 1.0],
        }
    )
    criteria = [
        Criterion("r", "x", ">=", 0.5, "s"),
        Criterion("r", "x", "effect >=", 0.3, "s"),
        Criterion("other", "x", "<=", 0.1, "s"),
    ]
    roles, role_criteria = classify(table, criteria, IMPORTANCE)
    assert roles.to_dict("list") == {
        "layer": [0, 0, 0],
        "head": [0, 1, 2],
        "role": ["r", "undecided", "no role"],
        "important": [1, 1, 0],
        "missing": ["", "r: x", ""],
    }
    assert list(role_criteria) == [
        *["layer", "head", "role", "criterion", "value", "ci_low", "ci_high"],
        *["comparison", "threshold", "bound", "verdict"],
    ]
    assert role_criteria["verdict"].tolist() == [1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert role_criteria["role"].tolist() == ["r", "r", "other"] * 3
    assert role_criteria["ci_low"].tolist()[:6] == [0.8] * 3 + [0.3] * 3


def test_a_criterion_that_was_not_measured_is_named():
    wrong = [Criterion("name mover", "attention.END.I0", ">=", 0.2, "")]
    with pytest.raises(ValueError, match=r"END\.I0.*did you mean 'attention\.END\.IO'"):
        classify(evidence(PLANTED), wrong, IMPORTANCE)


def test_a_head_measured_twice_is_refused():
    table = evidence(PLANTED)
    twice = pd.concat([table, table.head(1)])
    with pytest.raises(ValueError, match="L0H0 is listed more than once"):
        classify(twice, CRITERIA, IMPORTANCE)
