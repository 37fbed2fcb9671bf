"""Tables and numbers of effects, against values worked out by hand."""

import re

import pandas as pd
import pytest

from head_patching.reporting.effects import (
    agreement_numbers,
    effect_numbers,
    positions_table,
    top_heads_table,
)
from tests.reporting.given import body
from tests.reporting.synthetic_roles import PLANTED
from tests.tables import complete


def output_effects(rows: list[tuple]) -> pd.DataFrame:
    """Effects of output patching from (direction, layer, head, effect, important)."""
    table = pd.DataFrame(
        rows, columns=["direction", "layer", "head", "effect", "important"]
    )
    half = 0.125
    table = table.assign(
        patch_type="output",
        ci_low=table["effect"] - half,
        ci_high=table["effect"] + half,
    )
    return complete("effects", table)


# Three heads whose effects can be reckoned without a computer.
FEW = output_effects(
    [
        ("denoising", 0, 0, 0.5, 1),
        ("denoising", 1, 0, -0.25, 1),
        ("denoising", 1, 1, 0.0, 0),
        ("noising", 0, 0, 0.25, 1),
        ("noising", 1, 0, -0.125, 0),
        ("noising", 1, 1, 0.75, 1),
    ]
)


def test_top_heads_and_counts():
    numbers = effect_numbers(FEW)
    assert numbers["denoising/output/top-head"] == "L0H0"
    assert numbers["denoising/output/top-effect"] == r"\ensuremath{+0.50}"
    assert numbers["noising/output/top-interval"] == r"\ensuremath{[+0.62, +0.88]}"
    assert numbers["denoising/output/lowest-head"] == "L1H0"
    assert numbers["important/denoising/n-words"] == "two"
    assert numbers["negative/denoising/heads"] == "L1H0"
    assert numbers["negative/denoising/one"] == "true"
    assert numbers["negative/noising/found"] == "false"
    assert numbers["denoising/output/important-share"] == "67"
    # One head in twenty, but at least one: 0.5 of 0.75 in all.
    assert numbers["denoising/output/concentration"] == "67"


def test_agreement_of_the_two_directions():
    numbers = agreement_numbers(FEW)
    assert numbers["agreement/both/n"] == "1"
    assert numbers["agreement/either/n"] == "3"
    assert numbers["agreement/only-denoising/heads"] == "L1H0"
    assert numbers["agreement/only-noising/heads"] == "L1H1"
    assert numbers["agreement/same-top-head"] == "false"
    # Ranks 3 1 2 against 2 1 3: 1 - 6 x (1 + 0 + 1) / (3 x 8) = 0.5.
    assert numbers["agreement/spearman"] == r"\ensuremath{0.500}"


def test_one_direction_alone_is_refused():
    with pytest.raises(ValueError, match="no effects of noising"):
        agreement_numbers(FEW[FEW["direction"] == "denoising"])


def test_top_heads_are_sorted_and_signed(tables):
    rows = body(tables.call(top_heads_table, top=4))
    planted = sorted(PLANTED, key=lambda head: -abs(PLANTED[head][1]))[:4]
    assert [row[0] for row in rows] == [f"L{layer}H{head}" for layer, head in planted]
    assert [row[2][0] for row in rows] == ["+", "+", "+", "-"]
    assert all(re.fullmatch(r"[+-]\d\.\d{3}", row[2]) for row in rows)
    assert rows[3][1] == "negative name mover"
    assert rows[3][3].startswith(r"\ensuremath{[-0.")


def test_an_effect_of_one_direction_only_leaves_dashes(tables):
    effects = tables["effects"].query("direction == 'denoising'")
    rows = body(tables.but(effects=effects).call(top_heads_table, top=1))
    assert rows[0][4:6] == ["{--}", "--"]


def test_estimates_are_marked(tables):
    effects = tables["effects"].assign(confirmed=0)
    assert effect_numbers(effects)["screening/present"] == "true"
    rows = body(tables.but(effects=effects).call(top_heads_table, top=1))
    assert rows[0][0] == r"$\approx$L24H4"


def test_the_strongest_head_at_each_position(tables):
    rows = body(positions_table(tables["effects_by_position"]))
    assert [row[:2] for row in rows[:3]] == [
        ["denoising", "IO"],
        ["denoising", "S2"],
        ["denoising", "END"],
    ]
    assert rows[0][2:] == ["0", "--", "{--}", "--"]  # no effect at all
    assert rows[2][3] == "L24H4"
