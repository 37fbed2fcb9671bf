"""Numbers of the text: keys, order, and values worked out by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from head_patching.reporting.head_numbers import number_word
from head_patching.reporting.numbers import build_numbers, write_numbers


def effects_of(rows: list[tuple]) -> pd.DataFrame:
    """Effects of output patching from (direction, layer, head, effect, important)."""
    table = pd.DataFrame(
        rows, columns=["direction", "layer", "head", "effect", "important"]
    )
    return table.assign(
        patch_type="output",
        ci_low=table["effect"] - 0.125,
        ci_high=table["effect"] + 0.125,
        p_value=0.01,
        q_value=0.02,
        n_pairs=8,
    )


@pytest.fixture
def few(results):
    """Three heads whose effects can be reckoned without a computer."""
    rows = [
        ("denoising", 0, 0, 0.5, 1),
        ("denoising", 1, 0, -0.25, 1),
        ("denoising", 1, 1, 0.0, 0),
        ("noising", 0, 0, 0.25, 1),
        ("noising", 1, 0, -0.125, 0),
        ("noising", 1, 1, 0.75, 1),
    ]
    return dataclasses.replace(results, effects=effects_of(rows))


def test_top_heads_and_counts(few):
    numbers = build_numbers([few])
    assert numbers["ioi/denoising/output/top-head"] == "L0H0"
    assert numbers["ioi/denoising/output/top-effect"] == r"\ensuremath{+0.50}"
    assert numbers["ioi/noising/output/top-interval"] == r"\ensuremath{[+0.62, +0.88]}"
    assert numbers["ioi/denoising/output/lowest-head"] == "L1H0"
    assert numbers["ioi/important/denoising/n-words"] == "two"
    assert numbers["ioi/negative/denoising/heads"] == "L1H0"
    assert numbers["ioi/negative/denoising/one"] == "true"
    assert numbers["ioi/negative/noising/found"] == "false"
    assert numbers["ioi/denoising/output/important-share"] == "67"
    # One head in twenty, but at least one: 0.5 of 0.75 in all.
    assert numbers["ioi/denoising/output/concentration"] == "67"


def test_the_estimate_that_finds_fewest(results):
    """0.95 of 20 in denoising, 0.4 of 20 in noising."""
    numbers = build_numbers([results])
    assert numbers["ioi/estimates/fewest"] == "8"
    assert numbers["ioi/estimates/fewest-of"] == "outputs in noising"
    assert numbers["ioi/estimates/some-missed"] == "true"


def test_roles_that_nobody_planted(results):
    """One induction head where induction heads were left out; or none at all."""
    numbers = build_numbers([results])
    said = "one time induction in models without induction"
    assert numbers["validation/false-roles"] == said
    nulls = results.null_models.assign(false_roles=0, heads=np.nan)
    numbers = build_numbers([dataclasses.replace(results, null_models=nulls)])
    assert numbers["validation/false-roles"] == ""
    assert numbers["validation/any-false"] == "false"


def test_agreement_of_the_two_directions(few):
    numbers = build_numbers([few])
    assert numbers["ioi/agreement/both/n"] == "1"
    assert numbers["ioi/agreement/either/n"] == "3"
    assert numbers["ioi/agreement/only-denoising/heads"] == "L1H0"
    assert numbers["ioi/agreement/only-noising/heads"] == "L1H1"
    assert numbers["ioi/agreement/same-top-head"] == "false"
    # Ranks 3 1 2 against 2 1 3: 1 - 6 x (1 + 0 + 1) / (3 x 8) = 0.5.
    assert numbers["ioi/agreement/spearman"] == r"\ensuremath{0.500}"


def test_one_direction_alone_is_refused(few):
    effects = few.effects[few.effects["direction"] == "denoising"]
    with pytest.raises(ValueError, match="no effects of noising"):
        build_numbers([dataclasses.replace(few, effects=effects)])


def test_behaviour_chooses_sentences(results):
    numbers = build_numbers([results])
    assert numbers["ioi/behaviour/does-task"] == "true"
    assert numbers["ioi/behaviour/corrupt-reversed"] == "true"
    assert numbers["ioi/behaviour/difference"] == r"\ensuremath{10.20}"
    assert numbers["ioi/behaviour/clean-accuracy"] == "95"
    doubtful = results.behaviour.assign(ci_low=-1.0, ci_high=1.0)
    numbers = build_numbers([dataclasses.replace(results, behaviour=doubtful)])
    assert numbers["ioi/behaviour/does-task"] == "false"
    assert numbers["ioi/behaviour/corrupt-reversed"] == "false"


def test_data_numbers_describe_the_pairs(results):
    numbers = build_numbers([results])
    assert numbers["ioi/data/n-pairs"] == "120"
    assert numbers["ioi/data/n-groups"] == "30"
    assert numbers["ioi/data/pairs-per-group"] == "4 pairs"
    assert numbers["ioi/data/length"] == "14"
    assert numbers["ioi/data/corruption-is/s2-io-flip"] == "true"
    assert numbers["ioi/data/corruption-is/abc"] == "false"
    uneven = (*results.pairs, results.pairs[0] | {"clean_tokens": list(range(17))})
    numbers = build_numbers([dataclasses.replace(results, pairs=uneven)])
    assert numbers["ioi/data/length"] == "14--17"
    assert numbers["ioi/data/pairs-per-group"] == "4--5 pairs"


def test_roles_are_counted(results):
    numbers = build_numbers([results])
    assert numbers["ioi/roles/name-mover/heads"] == "L24H4 and L21H7"
    assert numbers["ioi/roles/backup-name-mover/n-words"] == "no"
    assert numbers["ioi/roles/decided/n"] == "9"
    assert numbers["ioi/roles/several/found"] == "false"
    assert numbers["ioi/roles/name-mover/mean-layer"] == "22.5"
    assert numbers["ioi/roles/order-holds"] == "true"


def test_a_head_with_two_roles_counts_once(results):
    second = results.roles[
        (results.roles["layer"] == 24) & (results.roles["head"] == 4)
    ].assign(role="induction")
    roles = pd.concat([results.roles, second])
    numbers = build_numbers([dataclasses.replace(results, roles=roles)])
    assert numbers["ioi/roles/decided/n"] == "9"
    assert numbers["ioi/roles/several/heads"] == "L24H4"
    # Induction heads then lie at layers 11 and 24, above no S-inhibition head.
    assert numbers["ioi/roles/induction/mean-layer"] == "17.5"


def test_order_cannot_be_tested_without_its_stages(results):
    roles = results.roles.replace({"role": {"S-inhibition": "undecided"}})
    numbers = build_numbers([dataclasses.replace(results, roles=roles)])
    assert numbers["ioi/roles/order-testable"] == "false"
    assert numbers["ioi/roles/order-holds"] == "false"


def test_the_file_is_sorted_and_the_same_twice(results, tmp_path):
    numbers = build_numbers([results])
    shuffled = dict(reversed(numbers.items()))
    write_numbers(numbers, tmp_path / "a.tex")
    write_numbers(shuffled, tmp_path / "b.tex")
    assert (tmp_path / "a.tex").read_bytes() == (tmp_path / "b.tex").read_bytes()
    lines = (tmp_path / "a.tex").read_text().splitlines()
    keys = [line.split("{")[1].rstrip("}") for line in lines]
    assert keys == sorted(numbers)
    assert r"\defresult{model/n-heads-total}{270}" in lines


def test_small_counts_are_words():
    assert [number_word(count) for count in (0, 1, 9, 10)] == [
        "no",
        "one",
        "nine",
        "10",
    ]
