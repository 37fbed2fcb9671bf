"""Tables and numbers of roles and their criteria."""

import math

import pandas as pd
import pytest

from head_patching.reporting.criteria import (
    criteria_table,
    role_evidence_table,
    why_missed,
)
from head_patching.reporting.roles import (
    role_numbers,
    roles_table,
    stability_numbers,
)
from head_patching.reporting.tabular import condition_text, criterion_name
from tests.reporting.given import body


def test_roles_are_counted(tables):
    numbers = tables.call(role_numbers)
    assert numbers["roles/name-mover/heads"] == "L24H4 and L21H7"
    assert numbers["roles/backup-name-mover/n-words"] == "no"
    assert numbers["roles/decided/n"] == "9"
    assert numbers["roles/several/found"] == "false"
    assert numbers["roles/name-mover/mean-layer"] == "22.5"
    assert numbers["roles/order-holds"] == "true"


def test_a_head_with_two_roles_counts_once(tables):
    second = tables["roles"].query("layer == 24 and head == 4")
    roles = pd.concat([tables["roles"], second.assign(role="induction")])
    numbers = tables.but(roles=roles).call(role_numbers)
    assert numbers["roles/decided/n"] == "9"
    assert numbers["roles/several/heads"] == "L24H4"
    # Induction heads then lie at layers 11 and 24, above no S-inhibition head.
    assert numbers["roles/induction/mean-layer"] == "17.5"


def test_order_cannot_be_tested_without_its_stages(tables):
    roles = tables["roles"].replace({"role": {"S-inhibition": "undecided"}})
    numbers = tables.but(roles=roles).call(role_numbers)
    assert numbers["roles/order-testable"] == "false"
    assert numbers["roles/order-holds"] == "false"


def test_stable_means_a_jaccard_index_of_four_fifths(tables):
    stability = tables["role_stability"]
    assert stability_numbers(stability)["roles/jaccard"] == r"\ensuremath{0.95}"
    assert stability_numbers(stability)["roles/stable"] == "true"
    low = stability.assign(jaccard=0.79)
    assert stability_numbers(low)["roles/stable"] == "false"


def test_roles_are_counted_and_named_strongest_first(tables):
    rows = {row[0]: row[1:] for row in body(tables.call(roles_table))}
    jaccard = tables["role_stability"].set_index("role")["jaccard"]
    stable = f"{jaccard['name mover']:.2f}"
    movers = ["2", stable, "10", "L24H4 and L21H7", "L9H9 and L10H0"]
    assert rows["name mover"] == movers
    assert [rows["S-inhibition"][place] for place in (0, 3)] == ["2", "L20H0 and L18H8"]
    assert "backup name mover" not in rows  # neither tested nor found
    assert rows["undecided"] == ["2", "--", "--", "L23H6 and L15H1", "--"]
    assert rows["no role"] == ["259", "--", "--", "--", "--"]


def test_a_redundant_group_is_below_its_role(tables):
    """Each alone sums to .12 of .64 in noising; in denoising to .68 of .71."""
    rows = body(tables.call(roles_table))
    names = [row[0] for row in rows]
    group = rows[names.index("S-inhibition") + 1]
    assert group[:4] == [r"\quad as a group", "2", "--", "--"]
    assert group[4] == (
        r"L18H8 and L20H0, together \ensuremath{+0.64} \ensuremath{[+0.54, +0.74]} "
        "(noising, unrelated names)"
    )
    assert names.count(r"\quad as a group") == 1  # all other groups add up


def test_a_group_that_two_roles_serve_is_below_the_last_of_them(tables):
    groups = tables["head_groups"].assign(label="redundant")
    rows = body(tables.but(head_groups=groups).call(roles_table))
    names = [row[0] for row in rows]
    assert names.count(r"\quad as a group") == 3
    below = rows[names.index("duplicate token") + 1]
    assert below[0] == r"\quad as a group"
    assert below[4].startswith("L7H2 and L11H3, together")


def test_a_role_that_was_found_through_candidates_says_so(tables):
    inhibiting = tables["roles"]["role"] == "S-inhibition"
    receivers = tables["roles"]["receivers"].mask(inhibiting, "candidates")
    through = tables.but(roles=tables["roles"].assign(receivers=receivers))
    rows = body(through.call(roles_table))
    marked = [row[0] for row in rows if "candidates" in row[0]]
    assert marked == ["S-inhibition (through candidates)"]
    evidence = {row[1]: row[3] for row in body(through.call(role_evidence_table))}
    assert evidence["L20H0"].endswith("; receivers are candidates")
    assert "candidates" not in evidence["L11H3"]
    numbers = through.call(role_numbers)
    assert numbers["roles/through-candidates/heads"] == "L20H0 and L18H8"
    assert tables.call(role_numbers)["roles/through-candidates/found"] == "false"


def test_the_evidence_of_a_role_says_by_which_question(tables):
    rows = {row[1]: row[3] for row in body(tables.call(role_evidence_table))}
    assert rows["L20H0"].startswith(
        r"effect on name movers' queries \ensuremath{0.34} \ensuremath{[0.31, 0.37]} "
        "(noising, unrelated names, share of the group); attention"
    )
    assert "group" not in rows["L24H4"]  # it was asked nothing


def test_the_share_left_over_is_the_largest_of_any_role(tables):
    numbers = stability_numbers(tables["role_stability"])
    assert numbers["roles/left-over-percent"] == "10"
    assert numbers["roles/any-left-over"] == "true"
    none = stability_numbers(tables["role_stability"].assign(left_over=0.0))
    assert none["roles/any-left-over"] == "false"


def test_role_evidence_lists_what_was_met(tables):
    rows = body(tables.call(role_evidence_table))
    assert [row[1] for row in rows[:3]] == ["L24H4", "L21H7", "L26H1"]
    assert rows[2][2] == "0.900"  # the probability
    assert rows[2][3] == (
        r"attention END$\to$IO \ensuremath{0.55} \ensuremath{[0.52, 0.58]}; "
        r"negative copy score \ensuremath{0.87} \ensuremath{[0.84, 0.90]}; "
        r"direct effect \ensuremath{-0.80} \ensuremath{[-0.83, -0.77]}"
    )


def test_only_the_strongest_heads_are_listed_when_there_are_many(tables):
    rows = body(tables.call(role_evidence_table, most=2))
    assert [row[1] for row in rows] == ["L24H4", "L20H0"]


def test_no_roles_leave_a_table_that_says_so(tables):
    roles = tables["roles"].assign(role="no role")
    latex = tables.but(roles=roles).call(role_evidence_table)
    assert body(latex)[0][0] == "none"


def test_criteria_say_demand_and_number_of_heads(tables):
    rows = body(criteria_table(tables["role_criteria"]))
    assert rows[0] == ["name mover", r"attention END$\to$IO", r"$\ge 0.3$", "3"]
    assert rows[1][0] == ""
    assert rows[5] == ["", "direct effect", r"$\le -0.02$", rows[5][3]]


def test_roles_that_a_user_adds_are_listed_after_the_known_ones(tables):
    roles = tables["roles"].replace({"role": {"undecided": "verb mover"}})
    rows = body(tables.but(roles=roles).call(roles_table))
    assert [row[0] for row in rows[-3:]] == ["verb mover", "undecided", "no role"]
    assert rows[-3][1:] == ["2", "--", "--", "L23H6 and L15H1", "--"]


def test_a_robust_z_is_given_in_units_of_the_value_too():
    criteria = pd.DataFrame(
        {
            "layer": [0, 0],
            "head": [0, 1],
            "role": "name mover",
            "criterion": "direct_effect",
            "value": [0.1, 2.0],
            "ci_low": [0.0, 1.5],
            "ci_high": [0.2, 2.5],
            "comparison": "robust z >=",
            "threshold": 3.0,
            "bound": 0.4567,
            "verdict": [0, 1],
        }
    )
    rows = body(criteria_table(criteria))
    assert rows[0][2:] == [r"robust $z$ $\ge 3$ (value $\ge 0.457$)", "1"]


def test_criteria_are_named_in_words():
    assert criterion_name("attention.S2.S1+1") == r"attention S2$\to$S1+1"
    assert criterion_name("effect.denoising.output") == "denoising effect (output)"
    assert criterion_name("path.induction_keys") == "path to induction keys"
    assert criterion_name("stage.induction_keys") == "effect on induction keys"
    assert criterion_name("previous_token_score") == "previous token score"


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (">=", r"$\ge 0.5$"),
        ("<=", r"$\le 0.5$"),
        ("|x| >=", r"size $\ge 0.5$"),
        ("robust z <=", r"robust $z$ $\le 0.5$"),
        ("effect >=", r"significant, $\ge 0.5$"),
    ],
)
def test_every_comparison_can_be_written(comparison, expected):
    assert condition_text(comparison, 0.5) == expected


def test_why_a_criterion_was_missed():
    """Large but not significant, not measured, or (no reason given) too small."""
    rows = [
        ("mover", "path", "effect >=", 0.02, 0.03, 0),
        ("mover", "attention", ">=", 0.2, 0.1, 0),
        ("mover", "copies", ">=", 0.5, math.nan, 0),
        ("negative", "path", "effect <=", -0.02, 0.03, 0),
        ("negative", "gain", "effect <=", -0.02, -0.03, 0),
        ("other", "path", "effect >=", 0.02, 0.03, 1),
    ]
    names = ["role", "criterion", "comparison", "threshold", "value", "verdict"]
    assert why_missed(pd.DataFrame(rows, columns=names)) == {
        ("mover", "path"): "not significant",
        ("mover", "attention"): "",
        ("mover", "copies"): "not measured",
        ("negative", "path"): "",
        ("negative", "gain"): "not significant",
    }
