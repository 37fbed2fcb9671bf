"""Every message that is documented is provoked by a test."""

import ast
from pathlib import Path

import pytest

from tests.errors.table import ROWS, is_message

FOLDER = Path(__file__).parent
PROVOKING = [*FOLDER.glob("test_*.py"), FOLDER.parent / "building/test_build_lock.py"]


def test_every_row_is_named_by_a_test_that_looks_for_its_message() -> None:
    named = {
        node.value
        for file in PROVOKING
        if file != Path(__file__)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert set(ROWS) - named == set()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("error: x is 3, allowed: 1", True),
        ("error: x is , allowed: 1", False),
        ("error: x is 3, allowed: 1, or 2", False),
        ("error: x is 3", False),
    ],
)
def test_what_is_a_documented_message(line: str, expected: bool) -> None:
    assert is_message(line, "error: x is <number>, allowed: 1") is expected
