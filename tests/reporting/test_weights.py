"""Numbers and tables of the weights, from values worked out by hand."""

import pandas as pd
import pytest

from head_patching.reporting.weights import (
    ranked_cell,
    weight_agreement_table,
    weight_numbers,
    weights_table,
)
from tests.reporting.given import body


@pytest.fixture
def numbers(tables):
    """Of the synthetic results."""
    return tables.call(weight_numbers)


def test_the_best_and_the_worst_criterion(numbers):
    assert numbers["weights/induction/n-criteria"] == "6"
    assert numbers["weights/induction/best/name"] == "copying (OV)"
    assert numbers["weights/induction/best/auc"] == "0.97"
    assert numbers["weights/induction/best/spearman"] == r"\ensuremath{+0.40}"
    assert numbers["weights/induction/best/interval"] == r"\ensuremath{[+0.28, +0.51]}"
    assert numbers["weights/induction/best/correlated"] == "true"
    assert numbers["weights/induction/best/p-is-small"] == "true"
    assert numbers["weights/induction/best/p-value"] == "0.001"
    # 0.97 - 0.6, the last criterion of the role.
    assert numbers["weights/induction/worst/auc"] == "0.37"
    assert numbers["weights/induction/some-below-chance"] == "true"
    assert numbers["weights/previous-token/best/auc"] == "0.47"


def test_the_pairs(numbers):
    assert numbers["weights/pairs/k/difference"] == r"\ensuremath{+0.016}"
    assert numbers["weights/pairs/k/p-value"] == "0.001"
    assert numbers["weights/pairs/k/p-is-small"] == "true"
    assert numbers["weights/pairs/match/p-value"] == "0.009"
    assert numbers["weights/pairs/match/p-is-small"] == "false"
    assert numbers["weights/pairs/match-mlp/more-than-others"] == "false"


def test_the_edges(tables, numbers):
    # 30 layers make 435 pairs, of 81 pairs of heads each.
    assert numbers["weights/n-pairs"] == "35235"
    n_edges = sum(int(numbers[f"weights/edges/{kind}"]) for kind in "kqv")
    assert n_edges == len(tables["composition_edges"]) == 63
    assert numbers["weights/strongest/names"] == "L17H8 to L18H7"
    assert numbers["weights/strongest/predicted"] == "false"
    assert numbers["weights/predicted/names"] == "L3H5 to L11H3"
    assert numbers["weights/predicted/rank"] == "2"
    edges = tables["composition_edges"]
    without = tables.but(composition_edges=edges[edges["z"] != 25.9])
    assert without.call(weight_numbers)["weights/strongest/predicted"] == "true"


def test_heads_that_others_report(tables):
    heads = [(11, 3), (20, 1)]
    table = pd.DataFrame(heads, columns=["layer", "head"]).assign(source="somewhere")
    numbers = tables.but(published_heads=table).call(weight_numbers)
    assert numbers["weights/published/reported/heads"] == "L11H3 and L20H1"
    assert numbers["weights/published/both/heads"] == "L11H3"
    assert numbers["weights/published/only-there/heads"] == "L20H1"
    assert numbers["weights/published/only-here/n"] == "0"
    # L11H3 is the highest; what comes second was drawn at random.
    assert "L11H3" in numbers["weights/published/by-weights/heads"]


def test_nothing_found_has_the_same_keys_and_a_table(tables, numbers):
    none = tables.but(
        roles=tables["roles"].assign(role="no role"),
        composition_edges=tables["composition_edges"].head(0),
        weight_agreement=tables["weight_agreement"].assign(
            auc=float("nan"), p_value=float("nan"), spearman=float("nan")
        ),
        weight_pairs=tables["weight_pairs"].assign(
            difference=float("nan"), p_value=float("nan"), n_pairs=0
        ),
    )
    empty = none.call(weight_numbers)
    assert set(empty) == set(numbers)
    assert empty["weights/induction/best/name"] == "--"
    assert empty["weights/strongest/found"] == "false"
    assert empty["weights/pairs/k/tested"] == "false"
    assert "nan" not in "".join(empty.values())
    assert body(none.call(weights_table)) == [["none", *7 * ["--"]]]
    assert body(none.call(weight_agreement_table))[0][2] == "{--}"


def test_heads_are_shown_with_their_ranks(tables):
    table = body(tables.call(weights_table))
    assert [row[:3] for row in table] == [
        ["induction", "L11H3", "as it is"],
        ["", "", "first MLP"],
        ["previous token", "L3H5", "as it is"],
        ["", "", "first MLP"],
    ]
    induction, behind, previous, _ = table
    assert induction[3] == r"\ensuremath{0.91} (1)"
    assert previous[6] == r"\ensuremath{0.91} (1)"
    assert not previous[3].endswith("(1)")
    # Of the synthetic criteria only copying was measured behind the first MLP.
    assert behind[3] == r"\ensuremath{0.91} (1)"
    assert behind[4:] == 4 * ["--"]


def test_a_head_without_a_value_has_a_dash():
    assert ranked_cell(float("nan"), float("nan")) == "--"
    assert ranked_cell(-0.5, 12.0) == r"\ensuremath{-0.50} (12)"


def test_the_agreement_of_each_criterion_is_a_row(tables):
    rows = body(tables.call(weight_agreement_table))
    assert [row[0] for row in rows] == ["induction", *5 * [""], "previous token"]
    assert rows[1] == [
        "",
        r"\quad behind the first MLP",
        "+0.30",
        r"\ensuremath{[+0.18, +0.41]}",
        "0.87",
        "0.002",
        "261",
    ]
