"""Tables: order of rows, signs, dashes, and LaTeX that is only a tabular."""

import dataclasses
import math
import re

import pandas as pd
import pytest

from head_patching.reporting.role_tables import why_missed
from head_patching.reporting.tables import (
    SHARED_TABLES,
    TASK_TABLES,
    behaviour_table,
    criteria_table,
    provenance_table,
    role_evidence_table,
    roles_table,
    self_check_table,
    top_heads_table,
    write_tables,
)
from head_patching.reporting.tabular import (
    breakable,
    condition_text,
    criterion_name,
    number_column,
)
from tests.reporting.synthetic_roles import PLANTED


def body(latex: str) -> list[list[str]]:
    """The cells between \\midrule and \\bottomrule."""
    inner = latex.split("\\midrule\n")[1].split("\\bottomrule")[0]
    rows = [line.removesuffix(" \\\\") for line in inner.strip().split("\n")]
    return [row.split(" & ") for row in rows]


TABLES = {**TASK_TABLES, **SHARED_TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_one_booktabs_tabular_and_a_newline(results, name):
    latex = TABLES[name](results)
    assert latex.startswith(r"\begin{tabular}")
    assert latex.endswith("\\end{tabular}\n")
    assert latex.count(r"\toprule") == 1
    assert "nan" not in latex.lower().replace("and", "")
    for unwanted in (r"\begin{table}", r"\caption", r"\label", r"\centering", "|"):
        assert unwanted not in latex


def test_top_heads_are_sorted_and_signed(results):
    rows = body(top_heads_table(results, top=4))
    planted = sorted(PLANTED, key=lambda head: -abs(PLANTED[head][1]))[:4]
    assert [row[0] for row in rows] == [f"L{layer}H{head}" for layer, head in planted]
    assert [row[2][0] for row in rows] == ["+", "+", "+", "-"]
    assert all(re.fullmatch(r"[+-]\d\.\d{3}", row[2]) for row in rows)
    assert rows[3][1] == "negative name mover"
    assert rows[3][3].startswith(r"\ensuremath{[-0.")


def test_an_effect_of_one_direction_only_leaves_dashes(results):
    effects = results.effects[results.effects["direction"] == "denoising"]
    rows = body(top_heads_table(dataclasses.replace(results, effects=effects), top=1))
    assert rows[0][4:6] == ["{--}", "--"]


def test_behaviour_rows_are_clean_then_corrupt(results):
    rows = body(behaviour_table(results))
    assert [row[0] for row in rows] == ["clean", "corrupt"]
    assert rows[1][1] == r"\ensuremath{-5.10}"
    assert rows[1][2] == r"\ensuremath{[-5.50, -4.70]}"
    assert rows[0][3] == r"\ensuremath{0.95}"  # a share has no sign
    assert rows[0][-1] == "120"


def test_roles_are_counted_and_named_strongest_first(results):
    rows = {row[0]: row[1:] for row in body(roles_table(results))}
    jaccard = results.role_stability.set_index("role")["jaccard"]
    stable = f"{jaccard['name mover']:.2f}"
    assert rows["name mover"] == ["2", stable, "L24H4 and L21H7", "L9H9 and L10H0"]
    assert [rows["S-inhibition"][place] for place in (0, 2)] == ["2", "L20H0 and L18H8"]
    assert "backup name mover" not in rows  # neither asked for nor found
    assert rows["undecided"] == ["2", "--", "L23H6 and L15H1", "--"]
    assert rows["no role"] == ["259", "--", "--", "--"]


def test_role_evidence_lists_what_was_met(results):
    rows = body(role_evidence_table(results))
    assert [row[1] for row in rows[:3]] == ["L24H4", "L21H7", "L26H1"]
    assert rows[2][2] == "0.900"  # the probability
    assert rows[2][3] == (
        r"attention END$\to$IO \ensuremath{0.55} \ensuremath{[0.52, 0.58]}; "
        r"negative copy score \ensuremath{0.87} \ensuremath{[0.84, 0.90]}; "
        r"direct effect \ensuremath{-0.80} \ensuremath{[-0.83, -0.77]}"
    )


def test_only_the_strongest_heads_are_listed_when_there_are_many(results):
    rows = body(role_evidence_table(results, most=2))
    assert [row[1] for row in rows] == ["L24H4", "L20H0"]


def test_no_roles_leave_a_table_that_says_so(results):
    roles = results.roles.assign(role="no role")
    latex = role_evidence_table(dataclasses.replace(results, roles=roles))
    assert body(latex)[0][0] == "none"


def test_criteria_say_demand_and_number_of_heads(results):
    rows = body(criteria_table(results))
    assert rows[0] == ["name mover", r"attention END$\to$IO", r"$\ge 0.3$", "3"]
    assert rows[1][0] == ""
    assert rows[5] == ["", "direct effect", r"$\le -0.02$", rows[5][3]]


def test_roles_that_a_user_adds_are_listed_after_the_known_ones(results):
    roles = results.roles.replace({"role": {"undecided": "verb mover"}})
    rows = body(roles_table(dataclasses.replace(results, roles=roles)))
    assert [row[0] for row in rows[-3:]] == ["verb mover", "undecided", "no role"]
    assert rows[-3][1:] == ["2", "--", "L23H6 and L15H1", "--"]


def test_a_robust_z_is_given_in_units_of_the_value_too(results):
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
    rows = body(criteria_table(dataclasses.replace(results, role_criteria=criteria)))
    assert rows[0][2:] == [r"robust $z$ $\ge 3$ (value $\ge 0.457$)", "1"]


def test_the_self_check_shows_the_largest_difference(results):
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
    rows = body(self_check_table(dataclasses.replace(results, self_check=checked)))
    denoised = ["2", "3", r"\ensuremath{3.1\times 10^{-5}}"]
    noised = ["1", "1", r"\ensuremath{2.0\times 10^{-5}}"]
    assert rows == [["output", *denoised, *noised], ["q", *denoised, "0", "0", "--"]]


def test_provenance_is_escaped_and_in_order(results):
    latex = provenance_table(results)
    assert r"SmolLM2-135M-Instruct.Q4\_1.gguf" in latex
    parts = {row[1]: row[2] for row in body(latex)}
    assert r"n\_pairs 120" in parts["tasks.ioi"].split("; ")
    keys = [row[1] for row in body(latex) if row[1].startswith(("tasks", "stat"))]
    assert keys == sorted(keys)


def test_criteria_are_named_in_words():
    assert criterion_name("attention.S2.S1+1") == r"attention S2$\to$S1+1"
    assert criterion_name("effect.denoising.output") == "denoising effect (output)"
    assert criterion_name("path.induction_keys") == "path to induction keys"
    assert criterion_name("previous_token_score") == "previous token score"


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (">=", r"$\ge 0.5$"),
        ("<=", r"$\le 0.5$"),
        ("|x| >=", r"size $\ge 0.5$"),
        ("robust z <=", r"robust $z$ $\le 0.5$"),
        ("effect >=", r"told from zero, $\ge 0.5$"),
    ],
)
def test_every_comparison_can_be_written(comparison, expected):
    assert condition_text(comparison, 0.5) == expected


def test_number_columns_fit_the_largest_number():
    assert number_column([0.2, -12.3, float("nan")], 2, False) == (
        "S[table-format=2.2]"
    )
    assert "table-format=+1.3" in number_column([0.2], 3, True)


def test_checksums_may_be_broken():
    assert breakable("abcdef", every=4) == r"\texttt{abcd\allowbreak ef}"


def test_all_tables_are_written_the_same_twice(results, tmp_path):
    first, second = (
        [path.read_bytes() for path in write_tables(results, TABLES, tmp_path / copy)]
        for copy in "ab"
    )
    assert first == second
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(f"{name}.tex" for name in TABLES)


def test_why_a_demand_was_missed():
    """Large but not told from zero, not measured, or (no reason given) too small."""
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
        ("mover", "path"): "not told from zero",
        ("mover", "attention"): "",
        ("mover", "copies"): "not measured",
        ("negative", "path"): "",
        ("negative", "gain"): "not told from zero",
    }
