"""Scores of found roles, counted by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from head_patching.planted.circuit import DEFAULT_NOISE
from head_patching.roles.false_findings import (
    ANOTHER,
    as_record,
    decoys_named,
    false_roles,
    findings,
)
from head_patching.roles.scores import EACH, confusion, count, proportion, scores

MOVER, INHIBITION, INDUCTION = "name mover", "S-inhibition", "induction"
COUNTED = ["n_models", "n_found", "n_backups"]


def model(heads, seed=0, without="nothing", architecture="gpt2", refused=0):
    """Rows (head, planted, found) of one model, all in layer 0."""
    table = pd.DataFrame(heads, columns=["head", "planted", "found"])
    return table.assign(
        architecture=architecture,
        noise=DEFAULT_NOISE,
        redundancy="shared",
        attention="soft",
        wiring="both",
        decoys="none",
        decoy="none",
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


def test_redundancy_and_attention_are_scored_apart_and_wirings_together():
    tables = [
        FIRST.assign(redundancy="2", attention="saturated"),
        FIRST.assign(redundancy="2", attention="saturated", wiring="place"),
        FIRST.assign(redundancy="2"),
    ]
    table = scores(pd.concat([FIRST, *tables]))
    mover = table[table["role"] == MOVER].set_index(["redundancy", "attention"])
    assert mover["tp"].to_dict() == {
        ("2", "saturated"): 2,
        ("2", "soft"): 1,
        ("shared", "soft"): 1,
    }
    assert mover["n_models"].to_dict()["2", "saturated"] == 2
    each = scores(pd.concat(tables), keys=EACH)
    assert sorted(each[each["role"] == MOVER]["wiring"]) == ["both", "both", "place"]
    assert (each["n_models"] == 1).all()


def test_backups_that_do_the_work_of_name_movers_are_counted_by_themselves():
    backup, rows = "backup name mover", [(1, "none", "no role")]
    rows += [(2, backup, MOVER), (3, backup, MOVER), (3, backup, INDUCTION)]
    table = pd.concat(
        [
            model([*rows, (4, "none", MOVER)], without=MOVER),
            # Where there are name movers, to be called one is as wrong as ever.
            model(rows, seed=2, without=INDUCTION),
        ]
    )
    nulls = false_roles(table).set_index("without")
    without_movers = nulls.loc[MOVER]
    assert without_movers["backups"] == 2
    assert without_movers["false_roles"] == 2
    assert without_movers["heads"] == f"L0H3 {INDUCTION}, L0H4 {MOVER}"
    assert nulls.loc[INDUCTION, ["false_roles", "backups"]].tolist() == [3, 0]


def test_decoys_with_a_role_are_counted_by_kind_and_nowhere_else():
    heads = [(0, MOVER, MOVER), (1, "none", MOVER), (2, "none", "undecided")]
    heads += [(3, "none", INDUCTION), (3, "none", MOVER), (4, "none", INDUCTION)]
    kinds = ["none", "copying", "copying", "effect", "effect", "none"]
    decoys = "copying, effect"
    table = model(heads).assign(decoys=decoys, decoy=kinds)
    # The same places in another model are other heads.
    other = model(heads[1:3], seed=1).assign(decoys=decoys, decoy="copying")
    named = decoys_named(pd.concat([FIRST, table, other])).set_index("kind")
    assert [*named.index] == ["copying", "effect"]
    counts = named[["n_models", "n_decoys", "with_role"]]
    assert counts.loc["copying"].tolist() == [2, 4, 2]
    assert counts.loc["effect"].tolist() == [1, 1, 1]  # one head, two roles
    assert named.loc["effect", "heads"] == f"L0H3 {INDUCTION}, L0H3 {MOVER}"
    pd.testing.assert_frame_equal(scores(pd.concat([FIRST, table])), scores(FIRST))
    assert confusion(pd.concat([FIRST, table]))["heads"].sum() == len(FIRST)
    assert decoys_named(FIRST).empty


def test_models_with_false_roles_are_counted_by_what_is_left_out():
    tables = [
        # Two heads of one model: one model with the role that was left out.
        model([(0, "none", INDUCTION), (1, "none", INDUCTION)], without=INDUCTION),
        model([(0, MOVER, MOVER), (1, "none", MOVER)], seed=1, without=INDUCTION),
        model([(0, "none", "undecided")], seed=2, without=INDUCTION),
        # Of models without any circuit heads are counted.
        model([(0, "none", INDUCTION), (1, "none", MOVER)], without="any role"),
        model([(0, "backup name mover", MOVER)], without=MOVER),
        model([(0, "none", MOVER)]).assign(decoys="copying", decoy="copying"),
    ]
    table = findings(pd.concat(tables)).set_index(["without", "kind"])
    counts = {key: tuple(row) for key, row in table[COUNTED].iterrows()}
    assert counts == {
        (INDUCTION, INDUCTION): (3, 1, 0),
        (INDUCTION, ANOTHER): (3, 1, 0),
        ("any role", "any role"): (1, 2, 0),
        (MOVER, MOVER): (1, 0, 1),
        (MOVER, ANOTHER): (1, 0, 1),
        ("nothing", "copying"): (1, 1, 0),
    }
    assert findings(FIRST).empty


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
