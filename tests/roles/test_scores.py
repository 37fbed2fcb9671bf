"""Scores of found roles, counted by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from head_patching.planted.circuit import DEFAULT_NOISE
from head_patching.roles.scores import (
    as_record,
    confusion,
    count,
    false_roles,
    proportion,
    scores,
)

MOVER, INHIBITION, INDUCTION = "name mover", "S-inhibition", "induction"


def model(heads, seed=0, without="nothing", architecture="gpt2", refused=0):
    """Rows (head, planted, found) of one model, all in layer 0."""
    table = pd.DataFrame(heads, columns=["head", "planted", "found"])
    return table.assign(
        architecture=architecture,
        noise=DEFAULT_NOISE,
        seed=seed,
        without=without,
        task="ioi",
        accuracy=0.9,
        refused=refused,
        layer=0,
    )


FIRST = model(
    [
        (0, MOVER, MOVER),
        (1, MOVER, "undecided"),
        # Two roles found, one of them planted.
        (2, INHIBITION, INHIBITION),
        (2, INHIBITION, MOVER),
        # Two roles found, none of them planted: one head missed.
        (3, INDUCTION, MOVER),
        (3, INDUCTION, INHIBITION),
        (4, "none", "no role"),
        (5, "none", INHIBITION),
        (6, "none", "undecided"),
    ]
)
# The same places in another model are other heads.
SECOND = model([(0, MOVER, MOVER), (3, INDUCTION, "no role")], seed=1)
NULL = model(
    [
        (0, MOVER, MOVER),
        (1, "none", "undecided"),
        (2, "none", MOVER),
        (3, INHIBITION, INDUCTION),
        (4, "none", "no role"),
    ],
    without=INDUCTION,
)
REFUSED = model(
    [(0, "none", "no role"), (1, "none", "no role")],
    without="any role",
    refused=1,
)
TABLE = pd.concat([FIRST, SECOND, NULL, REFUSED], ignore_index=True)


@pytest.mark.parametrize(
    ("role", "right", "wrong", "missed"),
    [(MOVER, 2, 2, 1), (INHIBITION, 1, 2, 0), (INDUCTION, 0, 0, 2)],
)
def test_counts_by_hand(role, right, wrong, missed):
    counts = count(pd.concat([FIRST, SECOND]), role)
    assert counts == {"tp": right, "fp": wrong, "fn": missed}


def test_scores_pool_models_and_leave_null_models_out():
    table = scores(TABLE).set_index("role")
    assert list(table.index) == [INDUCTION, INHIBITION, MOVER]  # in the circuit's order
    mover = table.loc[MOVER]
    assert (mover["tp"], mover["fp"], mover["fn"], mover["n_models"]) == (2, 2, 1, 2)
    assert mover["precision"] == 2 / 4
    assert mover["recall"] == 2 / 3
    assert table.loc[INDUCTION, "recall"] == 0
    # Nobody was found to be one: no precision, and no interval of it.
    empty = ["precision", "precision_low", "precision_high"]
    assert table.loc[INDUCTION, empty].isna().all()
    assert (table["architecture"] == "gpt2").all()
    assert (table["noise"] == DEFAULT_NOISE).all()
    assert (table["is_default"] == 1).all()


def test_architectures_and_noise_levels_are_scored_apart():
    llama = FIRST.assign(architecture="llama")
    noisy = SECOND.assign(noise=0.3)
    table = scores(pd.concat([FIRST, llama, noisy]))
    mover = table[table["role"] == MOVER]
    keys = list(mover[["architecture", "noise", "tp", "fp", "n_models"]].itertuples())
    assert [key[1:] for key in keys] == [
        ("gpt2", DEFAULT_NOISE, 1, 2, 1),
        ("gpt2", 0.3, 1, 0, 1),
        ("llama", DEFAULT_NOISE, 1, 2, 1),
    ]
    assert mover["is_default"].tolist() == [1, 0, 1]


def test_tasks_are_scored_apart_by_the_roles_they_ask_for():
    other = model([(0, MOVER, MOVER), (1, "none", MOVER)]).assign(task="other")
    table = scores(pd.concat([FIRST, other])).set_index(["task", "role"])
    assert table.loc["other"].index.tolist() == [MOVER]
    assert table.loc[("other", MOVER), ["tp", "fp", "fn"]].tolist() == [1, 1, 0]
    assert table.loc[("ioi", MOVER), ["tp", "fp", "fn"]].tolist() == [1, 2, 1]
    found = confusion(pd.concat([FIRST, other]))
    assert found[found["task"] == "other"]["heads"].sum() == 2


def test_clopper_pearson_intervals():
    all_right = proportion("recall", 10, 0, 0.95)
    assert all_right["recall"] == 1
    assert all_right["recall_low"] == pytest.approx(0.025 ** (1 / 10))
    assert all_right["recall_high"] == 1
    none_right = proportion("recall", 0, 20, 0.9)
    assert none_right["recall_low"] == 0
    assert none_right["recall_high"] == pytest.approx(1 - 0.05 ** (1 / 20))
    # Where either end lies, the tail beyond the observed 1 of 2 has 2.5 %.
    half = proportion("recall", 1, 1, 0.95)
    assert 1 - (1 - half["recall_low"]) ** 2 == pytest.approx(0.025)
    assert 1 - half["recall_high"] ** 2 == pytest.approx(0.025)
    assert all(np.isnan(value) for value in proportion("recall", 0, 0, 0.95).values())


def test_scores_take_the_level():
    wide, narrow = scores(FIRST, level=0.99), scores(FIRST, level=0.5)
    row = wide["role"] == INHIBITION
    assert (wide["recall_low"][row] < narrow["recall_low"][row]).all()
    assert narrow["recall_low"][row].item() == pytest.approx(0.25)  # of 1 of 1


def test_confusion_by_hand():
    table = confusion(TABLE)
    found = {(r.planted, r.found): r.heads for r in table.itertuples()}
    assert found == {
        (MOVER, MOVER): 2,
        (MOVER, "undecided"): 1,
        (INHIBITION, INHIBITION): 1,
        (INHIBITION, MOVER): 1,
        (INDUCTION, MOVER): 1,
        (INDUCTION, INHIBITION): 1,
        (INDUCTION, "no role"): 1,
        ("none", "no role"): 1,
        ("none", INHIBITION): 1,
        ("none", "undecided"): 1,
    }
    assert (table["architecture"] == "gpt2").all()
    assert (table["noise"] == DEFAULT_NOISE).all()


def test_false_roles_of_null_models_by_hand():
    table = false_roles(TABLE).set_index("without")
    assert set(table.index) == {INDUCTION, "any role"}
    left_out = table.loc[INDUCTION]
    # A planted role that is found, and `undecided`, are no false roles.
    assert left_out["false_roles"] == 2
    assert left_out["heads"] == f"L0H2 {MOVER}, L0H3 {INDUCTION}"
    assert (left_out["refused"], left_out["accuracy"]) == (0, 0.9)
    refused = table.loc["any role"]
    assert (refused["refused"], refused["false_roles"], refused["heads"]) == (1, 0, "")


def test_null_models_alone_have_no_scores():
    nulls = pd.concat([NULL, REFUSED])
    assert len(scores(nulls)) == 0
    assert len(confusion(nulls)) == 0


def test_without_null_models_there_are_no_false_roles_but_the_columns():
    table = false_roles(FIRST)
    assert len(table) == 0
    assert {"false_roles", "refused", "heads"} <= set(table)


def test_the_record_is_plain_data():
    record = json.loads(json.dumps(as_record(TABLE)))
    by_role = {row["role"]: row for row in record["scores"]}
    assert by_role[INDUCTION]["precision"] is None
    assert by_role[MOVER]["precision"] == 0.5
    assert [row["false_roles"] for row in record["null_models"]] == [0, 2]
