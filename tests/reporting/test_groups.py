"""Numbers and the table of groups of heads."""

import pandas as pd
import pytest

from head_patching.reporting.groups import (
    group_numbers,
    groups_table,
    redundant_groups,
    shown_groups,
)
from tests.reporting.given import body
from tests.tables import made

STAGE = "stage.name_mover_queries"
COLUMNS = "corruption direction silenced joint alone label matters"


def answers(*rows):
    """The answers of one stage, with two candidates for the queries of L9H9."""
    heads = {"heads": "L5H1+L6H2", "n_heads": 2, "receivers": "L9H9", "found": 1}
    table = made("head_groups", COLUMNS, list(rows), stage=STAGE, **heads)
    for name in ("joint", "alone"):
        table[f"{name}_low"] = table[name] - 0.1
        table[f"{name}_high"] = table[name] + 0.1
    return table.assign(probability=0.75)


NOTHING = ("abc", "denoising", "", 0.9, 0.9, "no effect", 0)
ADDITIVE = ("s2_io_flip", "denoising", "", 0.5, 0.45, "additive", 1)
REDUNDANT = ("abc", "noising", "", 0.4, 0.02, "redundant", 1)
SILENCED = ("abc", "noising", "L4H4+L4H5", 0.3, 0.25, "additive", 1)


@pytest.fixture
def group():
    return answers(NOTHING, ADDITIVE, REDUNDANT, SILENCED)


def test_every_effect_that_matters_is_shown_the_largest_first(group):
    """The largest of all, .9, does not matter."""
    shown = shown_groups(group)
    assert shown["joint"].tolist() == [0.5, 0.4, 0.3]
    assert shown["label"].tolist() == ["additive", "redundant", "additive"]


def test_without_an_effect_that_matters_the_largest_is_shown(group):
    shown = shown_groups(group.assign(matters=0))
    assert shown["joint"].tolist() == [0.9]
    assert redundant_groups(group.assign(matters=0)).empty


@pytest.mark.parametrize(
    ("label", "found"),
    [("redundant", True), ("each sufficient", True), ("sufficient together", False)],
)
def test_heads_can_replace_one_another_or_not(label, found):
    direction = "noising" if label == "redundant" else "denoising"
    rows = answers(("abc", direction, "", 0.4, 0.1, label, 1))
    assert len(redundant_groups(rows)) == found


def test_an_effect_against_the_answer_makes_no_group():
    """Clean heads can also make a corrupt run say its own answer more surely."""
    against = ("abc", "denoising", "", -0.9, -1.8, "each sufficient", 1)
    assert redundant_groups(answers(against)).empty
    rows = answers(against, REDUNDANT)
    assert redundant_groups(rows)["joint"].tolist() == [0.4]
    assert shown_groups(rows)["joint"].tolist() == [0.4, -0.9]


def test_stages_are_in_the_order_of_the_trace(group):
    stages = ("stage.mover_keys", "stage.induction_keys", STAGE)
    table = pd.concat([group.assign(stage=stage) for stage in stages])
    order = shown_groups(table)["stage"].drop_duplicates().tolist()
    assert order == [STAGE, "stage.induction_keys", "stage.mover_keys"]


def test_the_table_has_a_row_for_each_question_that_matters(group, tables):
    rows = body(groups_table(group, tables["roles"]))
    assert rows[0][0] == "two candidates, on name movers' queries (L9H9)"
    assert rows[0][1] == "denoising, IO at S2"
    assert rows[0][2] == r"\ensuremath{+0.50} \ensuremath{[+0.40, +0.60]}"
    assert rows[0][3] == r"\ensuremath{+0.45} \ensuremath{[+0.35, +0.55]}"
    assert rows[0][4] == r"additive (\ensuremath{0.75})"
    assert rows[1][:2] == ["", "noising, unrelated names"]
    assert len(rows) == 3


def test_the_table_names_heads_with_a_role_and_counts_the_others(group, tables):
    named = group.assign(heads="L5H1+L6H2+L20H0", n_heads=3, found=0)
    rows = body(groups_table(named, tables["roles"]))
    assert rows[0][0] == (
        "L20H0 and two other candidates, on name movers' queries (candidates L9H9)"
    )


def test_a_group_of_one_head_has_no_row(group, tables):
    alone = group.assign(heads="L20H0", n_heads=1)
    assert body(groups_table(alone, tables["roles"]))[0][0] == "none"


def test_a_question_says_who_is_silenced(tables):
    rows = body(groups_table(answers(SILENCED), tables["roles"]))
    assert rows[0][1] == "noising, unrelated names, L4H4 and L4H5 silenced"


def test_numbers_of_a_redundant_group_are_those_that_show_it(group):
    """Denoising has the larger effect, but there the heads add up."""
    found = group_numbers(group)
    assert found["groups/redundant/found"] == "true"
    assert found["groups/redundant/n-words"] == "one"
    key = "groups/name-mover-queries"
    assert found[f"{key}/redundant"] == "true"
    assert found[f"{key}/heads"] == "L5H1 and L6H2"
    assert found[f"{key}/receivers/heads"] == "L9H9"
    assert found[f"{key}/joint"] == r"\ensuremath{+0.40}"
    assert found[f"{key}/joint-interval"] == r"\ensuremath{[+0.30, +0.50]}"
    assert found[f"{key}/alone"] == r"\ensuremath{+0.02}"
    assert found[f"{key}/question"] == "noising, unrelated names"
    assert found[f"{key}/probability"] == r"\ensuremath{0.75}"
    assert found["groups/induction-keys/matters"] == "false"


def test_numbers_of_other_groups_are_those_of_the_largest_effect(group):
    found = group_numbers(group.assign(label="additive"))
    assert found["groups/redundant/found"] == "false"
    assert found["groups/name-mover-queries/joint"] == r"\ensuremath{+0.50}"
    assert found["groups/name-mover-queries/label"] == "additive"


def test_numbers_without_any_group(group):
    found = group_numbers(group.head(0))
    assert found["groups/measured"] == "false"
    assert found["groups/s-inhibition-values/matters"] == "false"
    assert found["groups/s-inhibition-values/joint"] == "--"
    assert found["groups/s-inhibition-values/n-words"] == "no"
