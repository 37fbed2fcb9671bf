"""Roles found in planted models of default noise, end to end, against the truth."""

from pathlib import Path

import pandas as pd
import pytest

from head_patching.patching.effects import Importance
from head_patching.planted.circuit import ROLES, PlantedModel, draw_circuit
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import read_criteria
from head_patching.roles.false_findings import false_roles
from head_patching.roles.groups import TraceRules
from head_patching.roles.scores import scores
from head_patching.roles.validation import (
    null_model,
    told,
    validate_model,
    without_text,
)
from head_patching.statistics import Statistics

CRITERIA = Path(__file__).parents[2] / "config" / "roles"
CLASSIFIERS = {
    task: Classifier(
        read_criteria(CRITERIA / f"{task}.yaml"),
        Importance(0.02, 0.05),
        Statistics(0, 5000, 0),
    )
    for task in ("ioi", "induction")
}
RULES = TraceRules(random_groups=5, random_orders=1, receiver_sets=0, seed=0)
IN_TASK = {"ioi": ROLES, "induction": ("induction", "previous token")}
N_PAIRS, SEED = 16, 3


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def whole(request):
    """The rows of one model of each architecture, with nothing left out."""
    planted = PlantedModel(request.param, SEED)
    return planted, validate_model(planted, CLASSIFIERS, RULES, N_PAIRS, seed=0)


@pytest.mark.parametrize("task", IN_TASK)
def test_the_roles_found_are_those_planted(whole, task):
    planted, table = whole
    table = table[table["task"] == task]
    truth = {
        (head.layer, head.head, role)
        for role, heads in draw_circuit(SEED, planted.architecture).items()
        for head in heads
        if role in IN_TASK[task]
    }
    keys = ["layer", "head"]
    named = table[table["planted"] != "none"]
    assert set(named[[*keys, "planted"]].itertuples(index=False, name=None)) == truth
    held = table[~table["found"].isin(["no role", "undecided"])]
    assert set(held[[*keys, "found"]].itertuples(index=False, name=None)) == truth
    assert len(table.drop_duplicates(keys)) == 8 * 8


def test_the_rows_name_the_model_and_what_it_can_do(whole):
    planted, table = whole
    for column, value in {
        "architecture": planted.architecture,
        "noise": planted.noise,
        "seed": SEED,
        "without": "nothing",
        "refused": 0,
        "redundancy": "shared",
        "attention": "soft",
        "wiring": "both",
        "decoys": "none",
        "decoy": "none",
    }.items():
        assert (table[column] == value).all()
    assert (table["accuracy"] >= 0.99).all()
    assert table["task"].drop_duplicates().tolist() == list(IN_TASK)


def test_the_model_continues_repeated_words(whole):
    _, table = whole
    assert (table["induction_accuracy"] >= 0.99).all()


def test_scores_of_a_model_in_which_all_is_right(whole):
    _, table = whole
    for row in scores(table).itertuples():
        planted = len(draw_circuit(SEED, row.architecture)[row.role])
        assert (row.tp, row.fp, row.fn) == (planted, 0, 0)
        assert (row.precision, row.recall) == (1, 1)


def test_a_trace_that_is_told_the_circuit(whole):
    """Receivers are the true heads, whatever was measured; roles are as before."""
    planted, table = whole
    knowing = {name: told(each, planted) for name, each in CLASSIFIERS.items()}
    heads = {(head.layer, head.head) for head in planted.circuit["induction"]}
    assert {*knowing["ioi"].candidates("induction", [])} == heads
    assert knowing["ioi"].heads_with("no such role", []) == []
    of_told = validate_model(planted, knowing, RULES, N_PAIRS, seed=0)
    pd.testing.assert_frame_equal(of_told, table)


def test_a_model_without_circuit_is_refused_and_has_no_roles():
    planted = null_model(PlantedModel("gpt2", 0))
    table = validate_model(planted, CLASSIFIERS, RULES, N_PAIRS, seed=0)
    assert len(table) == 2 * 8 * 8
    assert (table["refused"] == 1).all()
    assert set(table["found"]) == {"no role"}
    assert set(table["planted"]) == {"none"}
    assert set(table["without"]) == {"any role"}
    assert (table["accuracy"] < 0.9).all()
    assert table["induction_accuracy"].iloc[0] < 0.2
    row = false_roles(table).iloc[0]
    assert (row["false_roles"], row["refused"], row["heads"]) == (0, 1, "")


def test_null_models_leave_out_all_roles_and_each_in_turn():
    left_out = []
    for seed in range(8, 9 + len(ROLES)):
        planted = PlantedModel("gpt2", seed, 0.3)
        null = null_model(planted)
        assert (null.architecture, null.seed, null.noise) == ("gpt2", seed, 0.3)
        assert set(planted.circuit) - set(null.circuit) == set(null.without)
        left_out.append(null.without)
    assert left_out == [tuple(ROLES), *((role,) for role in ROLES)]


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_four_seeds_of_each_architecture_leave_out_every_role(noise):
    nulls = [
        null_model(PlantedModel(architecture, seed, noise))
        for architecture in ("gpt2", "llama")
        for seed in range(4)
    ]
    assert {each.without for each in nulls} >= {(role,) for role in ROLES}
    assert any(each.without == tuple(ROLES) for each in nulls) == (noise > 0)


def test_a_model_with_neither_circuit_nor_noise_is_left_out():
    without = [null_model(PlantedModel("gpt2", seed, 0.0)).without for seed in range(7)]
    assert without == [(role,) for role in ROLES]


def test_what_was_left_out_in_words():
    assert without_text(()) == "nothing"
    assert without_text(("induction",)) == "induction"
    assert without_text(("induction", "name mover")) == "induction, name mover"
    assert without_text(tuple(ROLES)) == "any role"
