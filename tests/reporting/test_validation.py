"""Table and numbers of the validation on planted models."""

import pandas as pd

from head_patching.reporting.validation import (
    decoy_numbers,
    null_model_numbers,
    validation_numbers,
    validation_table,
)
from head_patching.terms import NO_CIRCUIT
from tests.reporting.given import body


def test_the_validation_shows_the_default_noise_alone(tables):
    rows = body(validation_table(tables["pooled_scores"]))
    assert len(rows) == 4 * (7 + 2)
    assert rows[2] == [
        "", "2", "20", "20", "2",
        r"1.00 \ensuremath{[0.90, 1.00]}", r"0.94 \ensuremath{[0.84, 0.96]}",
    ]  # fmt: skip
    assert [row[:2] for row in rows[:2]] == [["previous token", "shared"], ["", "1"]]
    assert rows[28][:2] == ["previous token (induction)", "shared"]


def test_validation_numbers(tables):
    numbers = tables.call(validation_numbers)
    assert numbers["validation/circuits"] == "10 circuits"
    assert numbers["validation/curve-circuits"] == "three circuits"
    assert numbers["validation/other-levels"] == "each of two other levels"
    assert numbers["validation/default/lowest-recall"] == r"\ensuremath{0.98}"
    assert numbers["validation/architectures"] == "GPT-2 and Llama"
    assert numbers["validation/default/exact"] == "false"
    assert numbers["validation/silent/exact"] == "true"
    assert numbers["validation/loudest/lowest-precision"] == r"\ensuremath{1.00}"
    assert numbers["validation/loudest/lowest-recall"] == r"\ensuremath{0.95}"
    assert numbers["validation/redundant/kinds"] == "1, 2 and 3"
    assert numbers["validation/redundant/exact"] == "false"
    assert numbers["validation/redundant/lowest-recall"] == r"\ensuremath{1.00}"
    assert numbers["validation/redundant/lowest-precision"] == r"\ensuremath{0.91}"
    assert numbers["validation/redundant/lowest-precision-redundancy"] == "3"
    key = "validation/loudest-redundant/lowest-precision"
    assert numbers[key] == r"\ensuremath{0.94}"  # of redundancy 2
    numbers = tables.call(null_model_numbers)
    assert numbers["validation/n-false-roles"] == "1"
    assert numbers["validation/n-analysed"] == "5"
    assert numbers["validation/false-roles-per-model"] == "0.20"
    assert numbers["validation/n-refused"] == "5"
    assert numbers["validation/n-backups"] == "0"


def test_numbers_of_the_default_noise_alone(tables):
    scores = tables["scores"]
    alone = scores[scores["is_default"] == 1].assign(n_models=1)
    pooled = tables["pooled_scores"]
    of_alone = pooled[(pooled["is_default"] == 1) & (pooled["redundancy"] == "shared")]
    numbers = validation_numbers(alone, of_alone)
    assert numbers["validation/redundant/measured"] == "false"
    assert numbers["validation/redundant/exact"] == "false"
    assert numbers["validation/loudest-redundant/measured"] == "false"
    assert numbers["validation/circuits"] == "one circuit"
    assert numbers["validation/one-seed"] == "true"
    assert numbers["validation/several-noise-levels"] == "false"
    assert numbers["validation/levels-of-all-tasks"] == "as well"


def test_every_task_at_every_level(tables):
    scores = tables["scores"]
    both = pd.concat([scores, scores.assign(task="induction")])
    numbers = validation_numbers(both, tables["pooled_scores"])
    assert numbers["validation/levels-of-all-tasks"] == "at every level"


def test_models_without_a_circuit_and_without_one_role(tables):
    empty = tables["null_models"].head(1).assign(without=NO_CIRCUIT, seed=0)
    numbers = null_model_numbers(empty)
    assert numbers["validation/null-models"] == "one model"
    assert numbers["validation/any-left-out"] == "false"
    lacking = [
        empty.assign(without=role, seed=seed)
        for role, seed in (("induction", 1), ("name mover", 2), ("name mover", 3))
    ]
    numbers = null_model_numbers(pd.concat([empty, *lacking]))
    assert numbers["validation/null-models"] == "four models"
    assert numbers["validation/any-left-out"] == "true"
    assert numbers["validation/left-out-circuits"] == "one to two circuits"


def test_decoys_with_a_role(tables):
    numbers = tables.call(decoy_numbers)
    assert numbers["validation/decoys/n"] == "8"
    assert numbers["validation/decoys/named/n-words"] == "one"
    assert numbers["validation/decoys/named/one"] == "true"
    assert decoy_numbers(tables["decoys"].head(0))["validation/decoys/planted"] == (
        "false"
    )


def test_roles_that_nobody_planted(tables):
    """One induction head where induction heads were left out; or no head at all."""
    numbers = tables.call(null_model_numbers)
    said = "one time induction in models without induction"
    assert numbers["validation/false-roles"] == said
    nulls = tables["null_models"].assign(false_roles=0, heads="")
    numbers = null_model_numbers(nulls)
    assert numbers["validation/false-roles"] == ""
    assert numbers["validation/any-false"] == "false"
