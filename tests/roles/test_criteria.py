"""The criteria table: comparisons by hand, and mistakes that are named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from head_patching.roles.criteria import (
    COMPARISONS,
    Criterion,
    read_criteria,
    require_criteria,
    robust_z,
    verdicts,
)
from head_patching.tasks import find_task, tasks
from head_patching.terms import ROLES, Role

TABLE = Path(__file__).parents[2] / "config" / "roles" / "ioi.yaml"
VALUE = np.array([-3.0, 0.0, 1.0, np.nan])
UNTESTED = np.ones(4)  # q-values of values that were not tested
RATE = 0.05


@pytest.mark.parametrize(
    ("comparison", "threshold", "expected"),
    [
        (">=", 0.0, [0, 1, 1, 0]),
        (">=", -9.0, [1, 1, 1, 0]),
        ("<=", 0.0, [1, 1, 0, 0]),
        ("|x| >=", 1.0, [1, 0, 1, 0]),
        ("|x| <=", 1.0, [0, 1, 1, 0]),
    ],
)
def test_comparisons_by_hand(comparison, threshold, expected):
    met, bound = verdicts(VALUE, UNTESTED, comparison, threshold, RATE)
    assert met.astype(int).tolist() == expected
    assert bound == threshold


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [("effect >=", [0, 1, 1, 0, 0, 0]), ("effect <=", [0, 0, 0, 1, 0, 0])],
)
def test_effects_must_be_large_and_told_from_zero(comparison, expected):
    value = np.array([0.01, 0.02, 0.5, -0.3, 0.5, np.nan])
    q_value = np.array([0.001, 0.05, 0.001, 0.001, 0.051, 0.001])
    threshold = 0.02 if comparison == "effect >=" else -0.02
    met, bound = verdicts(value, q_value, comparison, threshold, RATE)
    assert met.astype(int).tolist() == expected
    assert bound == threshold


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_what_was_not_measured_meets_nothing(comparison):
    nothing, told = np.full(3, np.nan), np.zeros(3)
    for threshold in (-1.0, 0.0, 1.0):
        met, _ = verdicts(nothing, told, comparison, threshold, RATE)
        assert not met.any()


def test_heads_that_were_not_measured_do_not_move_the_median():
    value = np.array([0.0, 1.0, np.nan, 2.0, np.nan, 3.0, 100.0])
    z, median, spread = robust_z(value)
    assert (median, spread) == (2, 1.4826)
    assert np.isnan(z).tolist() == np.isnan(value).tolist()


def test_robust_z_by_hand():
    # Median 2; distances 2, 1, 0, 1, 98 have median 1; 1.4826 * 1 is the unit.
    value = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    z, median, spread = robust_z(value)
    assert (median, spread) == (2, 1.4826)
    np.testing.assert_allclose(z, np.array([-2, -1, 0, 1, 98]) / 1.4826)
    met, bound = verdicts(value, np.ones_like(value), "robust z >=", 5.0, RATE)
    assert met.tolist() == [False, False, False, False, True]
    assert bound == pytest.approx(2 + 5 * 1.4826)
    met, bound = verdicts(value, np.ones_like(value), "robust z <=", -1.0, RATE)
    assert met.tolist() == [True, False, False, False, False]
    assert bound == pytest.approx(2 - 1.4826)


def test_robust_z_of_a_population_without_spread():
    value = np.array([0.1, 0.1, 0.1, 0.4, 0.0])
    met, bound = verdicts(value, np.ones_like(value), "robust z >=", 5.0, RATE)
    assert met.tolist() == [False, False, False, True, False]
    assert bound == pytest.approx(0.1)


@given(
    hnp.arrays(np.float64, 9, elements=st.integers(-50, 50).map(float)),
    st.sampled_from([0.25, 2.0, 64.0]),
    st.integers(-100, 100),
)
def test_robust_verdicts_ignore_unit_and_origin(value, factor, shift):
    moved = factor * value + shift
    met, _ = verdicts(value, np.ones_like(value), "robust z >=", 3.1, RATE)
    after, _ = verdicts(moved, np.ones_like(value), "robust z >=", 3.1, RATE)
    assert met.tolist() == after.tolist()
    below, _ = verdicts(-value, np.ones_like(value), "robust z <=", -3.1, RATE)
    assert met.tolist() == below.tolist()


def test_the_projects_table_can_be_read():
    criteria = read_criteria(TABLE)
    asked = {}
    for row in criteria:
        asked.setdefault(row.role, []).append(row)
    assert list(asked) == [
        "name mover",
        "negative name mover",
        "copy suppression of S",
        "backup name mover",
        "S-inhibition",
        "duplicate token",
        "induction",
        "previous token",
    ]
    # No role from attention alone: each requires a causal effect.
    for role, rows in asked.items():
        assert any(row.comparison.startswith("effect") for row in rows), role
    assert all(row.source for row in criteria)


def test_receivers_do_not_ask_for_what_is_measured_after_them():
    """Paths are traced backwards: each role's effect comes before it is a receiver."""
    steps = find_task("ioi").tracing.steps
    order = [
        "path.logits",
        *(step.criterion for step in steps),
        "knocked_out.effect",
        "knocked_out.interaction",
        "signal.position",
        "signal.token",
    ]
    receivers = {step.role: step.criterion for step in steps}
    for row in read_criteria(TABLE):
        if row.role in receivers and row.criterion in order:
            before = order[: order.index(receivers[row.role])]
            assert row.criterion in before, row


ROW = "{role: a, criterion: b, comparison: '>=', threshold: 1, source: c}"  # valid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "list of rows under the key 'criteria'"),
        ("criteria: []", "list of rows"),
        ("criteria: [1]", "row 1 has 1; expected role, criterion"),
        (f"criteria: [{ROW}, {{role: a}}]", "row 2 has role; expected"),
        (f"criteria: [{ROW.replace('c}', 'c, extra: 1}')}]", "row 1 has .*extra"),
        (f"criteria: [{ROW.replace('>=', '=>')}]", "'=>', expected one of '>='"),
        (f"criteria: [{ROW.replace('1', 'high')}]", "row 1: threshold is 'high'"),
        (f"criteria: [{ROW.replace('1', '.inf')}]", "threshold is inf"),
        (f"criteria: [{ROW.replace('role: a', 'role: 3')}]", "role is 3, expected a"),
        (f"criteria: [{ROW.replace('1', 'true')}]", "threshold is True"),
        (f"criteria: [{ROW}, {ROW}]", "a / b / >= is listed more than once"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path, text, message):
    path = tmp_path / "roles.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_criteria(path)


def test_every_comparison_is_described():
    assert COMPARISONS == (
        ">=",
        "<=",
        "|x| >=",
        "|x| <=",
        "robust z >=",
        "robust z <=",
        "effect >=",
        "effect <=",
    )
    assert Criterion("a", "b", "robust z <=", -5.0, "c").threshold == -5


@pytest.mark.parametrize("task", tasks().values(), ids=lambda task: task.name)
def test_every_role_that_paths_are_traced_by_has_criteria(task):
    require_criteria(read_criteria(TABLE.with_stem(task.name)), task.tracing.roles)


def test_every_role_that_code_names_has_criteria_in_some_task():
    rows = [row for task in tasks() for row in read_criteria(TABLE.with_stem(task))]
    assert {row.role for row in rows} == set(ROLES)


def test_criteria_without_a_role_of_the_trace_are_refused():
    rows = [row for row in read_criteria(TABLE) if row.role != Role.S_INHIBITION]
    with pytest.raises(ValueError, match="the role 'S-inhibition'") as error:
        require_criteria(rows, find_task("ioi").tracing.roles)
    assert "\n" not in str(error.value)
    require_criteria([], find_task("ioi").tracing.roles)  # no criteria: no roles
