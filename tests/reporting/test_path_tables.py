"""Tables and numbers of paths, knock-outs, signals and the validation."""

import dataclasses

import numpy as np

from head_patching.reporting.path_numbers import path_numbers, stability_numbers
from head_patching.reporting.path_tables import (
    knock_out_table,
    paths_table,
    signals_table,
)
from head_patching.reporting.validation import validation_numbers, validation_table
from tests.reporting.test_tables import body


def without(results, criterion):
    """The results as they are when a criterion could not be measured."""
    evidence = results.evidence.copy()
    evidence.loc[evidence["criterion"] == criterion, "value"] = np.nan
    return dataclasses.replace(results, evidence=evidence)


def test_senders_stand_under_their_path_strongest_first(results):
    rows = body(paths_table(results))
    assert rows[0][:4] == ["path to the logits", "L24H4", "name mover", "+0.310"]
    assert rows[0][4] == r"\ensuremath{[+0.300, +0.320]}"
    assert [row[1] for row in rows[:4]] == ["L24H4", "L21H7", "L26H1", "L22H3"]
    assert rows[4][0] == "path to name movers' queries (L21H7 and L24H4)"
    assert rows[4][1:3] == ["L20H0", "S-inhibition"]


def test_a_path_without_receivers_says_so(results):
    rows = body(paths_table(without(results, "path.induction_keys")))
    assert rows[-1][1:] == ["--", "no important sender", "{--}", "--"]
    numbers = path_numbers(without(results, "path.induction_keys"))
    assert numbers["evidence/path/induction-keys/measured"] == "false"
    assert numbers["evidence/path/induction-keys/top-head"] == "--"


def test_what_grows_without_name_movers(results):
    rows = body(knock_out_table(results))
    assert len(rows) == 1
    assert rows[0][:2] == ["L23H6", "undecided"]
    assert rows[0][2] == r"\ensuremath{+0.020}"
    assert rows[0][3] == r"\ensuremath{+0.090} \ensuremath{[+0.080, +0.100]}"
    assert rows[0][4] == "+0.070"


def test_signals_of_every_s_inhibition_head(results):
    rows = body(signals_table(results))
    assert [row[0] for row in rows] == ["L18H8", "L20H0"]
    assert rows[1][1:] == [
        r"\ensuremath{+0.180} \ensuremath{[+0.170, +0.190]}",
        r"\ensuremath{+0.020} \ensuremath{[+0.010, +0.030]}",
    ]
    numbers = path_numbers(results)
    assert numbers["evidence/signal/position-is-larger"] == "true"
    assert numbers["evidence/path/logits/top-head"] == "L24H4"
    assert numbers["evidence/path/logits/important/n"] == "4"


def test_stable_means_a_jaccard_index_of_four_fifths(results):
    assert stability_numbers(results)["roles/jaccard"] == r"\ensuremath{0.95}"
    assert stability_numbers(results)["roles/stable"] == "true"
    low = results.role_stability.assign(jaccard=0.79)
    low = dataclasses.replace(results, role_stability=low)
    assert stability_numbers(low)["roles/stable"] == "false"


def test_the_validation_shows_the_default_noise_alone(results):
    rows = body(validation_table(results))
    assert len(rows) == 2 * (7 + 2)
    assert rows[0] == [
        "previous token", "GPT-2", "20", "19", "1",
        r"0.98 \ensuremath{[0.88, 0.98]}", r"0.98 \ensuremath{[0.88, 0.98]}",
    ]  # fmt: skip
    assert rows[1][:2] == ["", "Llama"]
    assert rows[14][:2] == ["previous token (induction)", "GPT-2"]


def test_validation_numbers(results):
    numbers = validation_numbers(results)
    assert numbers["validation/circuits"] == "10 circuits"
    assert numbers["validation/n-noise-levels"] == "three"
    assert numbers["validation/default/lowest-recall"] == r"\ensuremath{0.98}"
    assert numbers["validation/architectures"] == "GPT-2 and Llama"
    assert numbers["validation/default/exact"] == "false"
    assert numbers["validation/silent/exact"] == "true"
    assert numbers["validation/loudest/lowest-precision"] == r"\ensuremath{0.96}"
    assert numbers["validation/n-false-roles"] == "1"
    assert numbers["validation/n-analysed"] == "5"
    assert numbers["validation/false-roles-per-model"] == "0.20"
    assert numbers["validation/n-refused"] == "5"
