"""Every test that is gone has a successor that is there."""

import pytest

from .gone import Successor, faults

BEFORE = {"a.py::test_one", "a.py::test_two[x]", "a.py::test_two[y]", "b.py::test_kept"}
NOW = {"b.py::test_kept", "b.py::test_both[x]", "b.py::test_both[y]"}
ONE = Successor("a.py::test_one", "b.py::test_both", "merged")
TWO = Successor("a.py::test_two[*]", "b.py::test_both[*]", "moved")


def test_each_gone_test_with_its_successor():
    assert list(faults(BEFORE, NOW, [ONE, TWO])) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([TWO], "no successor: a.py::test_one"),
        ([ONE, TWO, Successor("c.py::*", "b.py::*", "")], "not needed: c.py::*"),
        (
            [Successor("a.py::test_one", "b.py::test_new", ""), TWO],
            "not there: b.py::test_new, the successor of a.py::test_one",
        ),
    ],
)
def test_what_is_missing_is_named(rows, expected):
    assert expected in list(faults(BEFORE, NOW, rows))
