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
    robust_z,
    verdicts,
)

TABLE = Path(__file__).parents[2] / "config" / "roles.yaml"
VALUE = np.array([-3.0, 0.0, 1.0, np.nan])
LOW = np.array([-4.0, -1.0, 0.5, np.nan])
HIGH = np.array([-2.0, 1.0, 1.5, np.nan])


@pytest.mark.parametrize(
    ("comparison", "threshold", "expected"),
    [
        (">=", 0.0, [0, 1, 1, 0]),
        ("<=", 0.0, [1, 1, 0, 0]),
        ("|x| >=", 1.0, [1, 0, 1, 0]),
        ("|x| <=", 1.0, [0, 1, 1, 0]),
        ("interval >=", 0.0, [0, 0, 1, 0]),
        ("interval <=", 0.0, [1, 0, 0, 0]),
    ],
)
def test_comparisons_by_hand(comparison, threshold, expected):
    met, bound = verdicts(VALUE, LOW, HIGH, comparison, threshold)
    assert met.astype(int).tolist() == expected
    assert bound == threshold


def test_robust_z_by_hand():
    # Median 2; distances 2, 1, 0, 1, 98 have median 1; 1.4826 * 1 is the unit.
    value = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    z, median, spread = robust_z(value)
    assert (median, spread) == (2, 1.4826)
    np.testing.assert_allclose(z, np.array([-2, -1, 0, 1, 98]) / 1.4826)
    met, bound = verdicts(value, value, value, "robust z >=", 5.0)
    assert met.tolist() == [False, False, False, False, True]
    assert bound == pytest.approx(2 + 5 * 1.4826)
    met, bound = verdicts(value, value, value, "robust z <=", -1.0)
    assert met.tolist() == [True, False, False, False, False]
    assert bound == pytest.approx(2 - 1.4826)


def test_robust_z_of_a_population_without_spread():
    value = np.array([0.1, 0.1, 0.1, 0.4, 0.0])
    met, bound = verdicts(value, value, value, "robust z >=", 5.0)
    assert met.tolist() == [False, False, False, True, False]
    assert bound == pytest.approx(0.1)


@given(
    hnp.arrays(np.float64, 9, elements=st.integers(-50, 50).map(float)),
    st.sampled_from([0.25, 2.0, 64.0]),
    st.integers(-100, 100),
)
def test_robust_verdicts_ignore_unit_and_origin(value, factor, shift):
    moved = factor * value + shift
    met, _ = verdicts(value, value, value, "robust z >=", 3.1)
    after, _ = verdicts(moved, moved, moved, "robust z >=", 3.1)
    assert met.tolist() == after.tolist()
    below, _ = verdicts(-value, -value, -value, "robust z <=", -3.1)
    assert met.tolist() == below.tolist()


def test_the_projects_table_can_be_read():
    criteria = read_criteria(TABLE)
    roles = list(dict.fromkeys(row.role for row in criteria))
    assert roles == [
        "name mover",
        "negative name mover",
        "copy suppression of S",
        "S-inhibition",
        "duplicate token",
        "induction",
        "previous token",
    ]
    for role in roles:
        assert "important effect" in {r.criterion for r in criteria if r.role == role}
    assert all(row.source for row in criteria)


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
        (f"criteria: [{ROW}, {ROW}]", "a / b / >= stands more than once"),
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
        "interval >=",
        "interval <=",
    )
    assert Criterion("a", "b", "robust z <=", -5.0, "c").threshold == -5
