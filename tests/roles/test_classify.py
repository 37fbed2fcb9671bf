"""Classification of planted evidence with the project's own table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from head_patching.roles.classify import classify
from head_patching.roles.criteria import Criterion, read_criteria

CRITERIA = read_criteria(Path(__file__).parents[2] / "config" / "roles.yaml")
MEASURED = sorted({r.criterion for r in CRITERIA} - {"important effect"})

# What a head of each role shows; everything else is near 0 as in other heads.
PLANTED = {
    (9, 6): {"attention.END.IO": 0.6, "direct_effect": 0.8, "copy_score": 0.9},
    (10, 7): {
        "attention.END.IO": 0.7,
        "direct_effect": -1.0,
        "negative_copy_score": 0.98,
    },
    (8, 3): {"attention.END.S": 0.6, "direct_effect": 2.0, "negative_copy_score": 1.0},
    (7, 9): {"attention.END.S2": 0.5, "direct_recovery": 0.004},
    (3, 0): {"attention.S2.S1": 0.7, "duplicate_token_score": 0.6},
    (5, 5): {"attention.S2.S1+1": 0.5, "induction_score": 0.9},
    (2, 2): {"attention.S1+1.S1": 0.9, "previous_token_score": 0.8},
}
ROLES = {
    (9, 6): "name mover",
    (10, 7): "negative name mover",
    (8, 3): "copy suppression of S",
    (7, 9): "S-inhibition",
    (3, 0): "duplicate token",
    (5, 5): "induction",
    (2, 2): "previous token",
}


def tables(planted, important, n_layers=12, n_heads=10):
    """Evidence with small noise around 0.02, and effects of two directions."""
    generator = np.random.default_rng(0)
    rows = []
    for layer, head in np.ndindex(n_layers, n_heads):
        for criterion in MEASURED:
            center = 0.0 if criterion.startswith("direct") else 0.02
            value = center + generator.uniform(-0.01, 0.01)
            value = planted.get((layer, head), {}).get(criterion, value)
            interval = (value - 0.015, value + 0.015)
            rows.append((layer, head, criterion, value, *interval, 64))
    columns = ["layer", "head", "criterion", "value", "ci_low", "ci_high", "n"]
    effects = pd.DataFrame(
        [
            (layer, head, direction, int((layer, head) in important and number == 1))
            for layer, head in np.ndindex(n_layers, n_heads)
            for number, direction in enumerate(["denoising", "noising"])
        ],
        columns=["layer", "head", "direction", "important"],
    )
    return pd.DataFrame(rows, columns=columns), effects


def role_of(roles, head):
    found = roles[(roles["layer"] == head[0]) & (roles["head"] == head[1])]
    return found["role"].tolist()


def test_every_planted_role_is_found_and_no_other():
    roles, role_criteria = classify(*tables(PLANTED, set(PLANTED)), CRITERIA)
    held = roles[~roles["role"].isin(["undecided", "no role"])]
    found = {(r.layer, r.head): r.role for r in held.itertuples()}
    assert found == ROLES
    assert len(roles) == 12 * 10
    assert (roles.loc[held.index, "missing"] == "").all()
    assert len(role_criteria) == 12 * 10 * len(CRITERIA)


def test_no_role_without_an_important_effect():
    roles, _ = classify(*tables(PLANTED, set()), CRITERIA)
    assert set(roles["role"]) == {"no role"}
    missing = {(r.layer, r.head): r.missing for r in roles.itertuples() if r.missing}
    assert missing == {h: f"{role}: important effect" for h, role in ROLES.items()}


@pytest.mark.parametrize("head", list(PLANTED))
def test_without_any_one_of_its_criteria_a_head_is_undecided(head):
    for criterion in PLANTED[head]:
        lacking = {name: v for name, v in PLANTED[head].items() if name != criterion}
        if criterion == "direct_recovery":
            lacking[criterion] = 0.3
        planted = PLANTED | {head: lacking}
        roles, _ = classify(*tables(planted, set(PLANTED)), CRITERIA)
        assert role_of(roles, head) == ["undecided"]
        row = roles[(roles["layer"] == head[0]) & (roles["head"] == head[1])].iloc[0]
        assert f"{ROLES[head]}: {criterion}" in row["missing"].split("; ")


def test_the_sign_of_the_direct_effect_separates_the_copiers():
    swapped = {head: dict(PLANTED[head]) for head in [(9, 6), (10, 7), (8, 3)]}
    for shown in swapped.values():
        shown["direct_effect"] *= -1
    roles, _ = classify(*tables(swapped, set(swapped)), CRITERIA)
    for head in swapped:
        assert role_of(roles, head) == ["undecided"]


def test_a_head_can_have_several_roles():
    both = {(5, 5): PLANTED[(5, 5)] | PLANTED[(3, 0)]}
    roles, _ = classify(*tables(PLANTED | both, set(PLANTED)), CRITERIA)
    assert role_of(roles, (5, 5)) == ["duplicate token", "induction"]


def test_an_important_head_that_shows_nothing_lacks_everything():
    roles, _ = classify(*tables({}, {(4, 4)}), CRITERIA)
    assert role_of(roles, (4, 4)) == ["undecided"]
    assert set(roles["role"]) == {"undecided", "no role"}


def test_published_heads_decide_nothing():
    """Evidence moved to other heads moves the roles with it."""
    moved = {
        ((layer + 1) % 12, (head + 1) % 10): v for (layer, head), v in PLANTED.items()
    }
    roles, _ = classify(*tables(moved, set(moved)), CRITERIA)
    for (layer, head), role in ROLES.items():
        assert role_of(roles, ((layer + 1) % 12, (head + 1) % 10)) == [role]


def test_row_order_of_the_inputs_does_not_matter():
    evidence, effects = tables(PLANTED, set(PLANTED))
    shuffled = (
        evidence.sample(frac=1, random_state=0),
        effects.sample(frac=1, random_state=1),
    )
    for before, after in zip(
        classify(evidence, effects, CRITERIA),
        classify(*shuffled, CRITERIA),
        strict=True,
    ):
        pd.testing.assert_frame_equal(before, after)


def test_columns_and_verdicts_by_hand():
    evidence = pd.DataFrame(
        {
            "layer": [0, 0, 0],
            "head": [0, 1, 2],
            "criterion": "x",
            "value": [0.9, 0.4, np.nan],
            "ci_low": [0.8, 0.3, np.nan],
            "ci_high": [1.0, 0.5, np.nan],
        }
    )
    effects = pd.DataFrame({"layer": [0, 0], "head": [0, 1], "important": [1, 1]})
    criteria = [
        Criterion("r", "x", ">=", 0.5, "s"),
        Criterion("r", "important effect", ">=", 1.0, "s"),
        Criterion("other", "x", "<=", 0.1, "s"),
    ]
    roles, role_criteria = classify(evidence, effects, criteria)
    assert roles.to_dict("list") == {
        "layer": [0, 0, 0],
        "head": [0, 1, 2],
        "role": ["r", "undecided", "no role"],
        "important": [1, 1, 0],
        "missing": ["", "every criterion of every role", ""],
    }
    assert list(role_criteria) == [
        "layer",
        "head",
        "role",
        "criterion",
        "value",
        "ci_low",
        "ci_high",
        "comparison",
        "threshold",
        "bound",
        "verdict",
    ]
    assert role_criteria["verdict"].tolist() == [1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert role_criteria["role"].tolist() == ["r", "r", "other"] * 3


def test_a_criterion_that_was_not_measured_is_named():
    evidence, effects = tables(PLANTED, set(PLANTED))
    wrong = [Criterion("name mover", "attention.END.I0", ">=", 0.2, "")]
    with pytest.raises(ValueError, match=r"END\.I0.*did you mean 'attention\.END\.IO'"):
        classify(evidence, effects, wrong)


def test_a_head_measured_twice_is_refused():
    evidence, effects = tables(PLANTED, set(PLANTED))
    twice = pd.concat([evidence, evidence.head(1)])
    with pytest.raises(ValueError, match="L0H0 stands more than once"):
        classify(twice, effects, CRITERIA)
