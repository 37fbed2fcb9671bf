"""Behaviour, prompts, the self-check, attribution patching and provenance."""

import pandas as pd

from head_patching.files.pairs_file import PairsFile
from head_patching.reporting.attribution import attribution_numbers
from head_patching.reporting.behaviour import behaviour_numbers, behaviour_table
from head_patching.reporting.prompts import prompt_numbers
from head_patching.reporting.provenance import provenance_table
from head_patching.reporting.self_check import self_check_table
from tests.reporting.given import body


def test_the_estimate_that_finds_fewest(tables):
    """0.95 of 20 in denoising, 0.4 of 20 in noising."""
    numbers = attribution_numbers(tables["attribution"])
    assert numbers["attribution/fewest"] == "8"
    assert numbers["attribution/fewest-of"] == "outputs in noising"
    assert numbers["attribution/some-missed"] == "true"


def test_estimates_that_find_equally_few_are_all_named(tables):
    alike = tables["attribution"].assign(top_shared=0.5)
    numbers = attribution_numbers(alike)
    assert numbers["attribution/fewest"] == "10"
    assert "outputs in denoising and noising" in numbers["attribution/fewest-of"]


def test_behaviour_chooses_sentences(tables):
    numbers = behaviour_numbers(tables["behaviour"])
    assert numbers["behaviour/does-task"] == "true"
    assert numbers["behaviour/corrupt-reversed"] == "true"
    assert numbers["behaviour/difference"] == r"\ensuremath{10.20}"
    assert numbers["behaviour/clean-accuracy"] == "95"
    doubtful = tables["behaviour"].assign(ci_low=-1.0, ci_high=1.0)
    numbers = behaviour_numbers(doubtful)
    assert numbers["behaviour/does-task"] == "false"
    assert numbers["behaviour/corrupt-reversed"] == "false"


def test_behaviour_rows_are_clean_then_corrupt(tables):
    rows = body(behaviour_table(tables["behaviour"]))
    assert [row[0] for row in rows] == ["clean", "corrupt"]
    assert rows[1][1] == r"\ensuremath{-5.10}"
    assert rows[1][2] == r"\ensuremath{[-5.50, -4.70]}"
    assert rows[0][3] == r"\ensuremath{0.95}"  # a share has no sign
    assert rows[0][-1] == "120"


def test_data_numbers_describe_the_pairs(tables):
    numbers = tables.call(prompt_numbers)
    assert numbers["data/n-pairs"] == "120"
    assert numbers["data/n-groups"] == "30"
    assert numbers["data/pairs-per-group"] == "4 pairs"
    assert numbers["data/length"] == "14"
    assert numbers["data/corruption-is/s2-io-flip"] == "true"
    assert numbers["data/corruption-is/abc"] == "false"
    header, pairs = tables["pairs"]
    longer = pairs[0] | {"clean_tokens": list(range(17))}
    uneven = PairsFile(header, [*pairs, longer])
    numbers = prompt_numbers(uneven, tables.corruptions)
    assert numbers["data/length"] == "14--17"
    assert numbers["data/pairs-per-group"] == "4--5 pairs"


def test_the_self_check_shows_the_largest_difference():
    checked = pd.DataFrame(
        [
            ("output", "noising", 1, 0, 0, 2.04e-5),
            ("output", "denoising", 1, 0, 0, 1e-6),
            ("output", "denoising", 1, 0, 1, 3.1e-5),
            ("output", "denoising", 2, 5, 0, 0.0),
        ],
        columns=["patch_type", "direction", "layer", "head", "pair", "abs_diff"],
    )
    other = checked[checked["direction"] == "denoising"].assign(patch_type="q")
    checked = pd.concat([checked, other])
    rows = body(self_check_table(checked))
    denoised = ["2", "3", r"\ensuremath{3.1\times 10^{-5}}"]
    noised = ["1", "1", r"\ensuremath{2.0\times 10^{-5}}"]
    assert rows == [["output", *denoised, *noised], ["q", *denoised, "0", "0", "--"]]


def test_provenance_is_escaped_and_in_order(tables):
    latex = tables.call(provenance_table)
    assert r"SmolLM2-135M-Instruct.Q4\_1.gguf" in latex
    parts = {row[1]: row[2] for row in body(latex)}
    assert r"n\_pairs 120" in parts["tasks.ioi"].split("; ")
    keys = [row[1] for row in body(latex) if row[1].startswith(("tasks", "stat"))]
    assert keys == sorted(keys)
