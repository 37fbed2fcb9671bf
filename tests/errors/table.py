"""The table of bad inputs in docs/errors.md, read for tests."""

import re
from pathlib import Path

TABLE = Path(__file__).parents[2] / "docs/errors.md"


def rows_of(document: str) -> dict[str, str]:
    """Bad input -> message, of every table in the document."""
    row = re.compile(r"^\| ([^|`]+?) +\| (`+)(.+)\2 +\|$", re.MULTILINE)
    rows = [(name, message) for name, _, message in row.findall(document)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def is_message(line: str, message: str) -> bool:
    """Whether a line is the documented message, `<...>` standing for anything."""
    parts = re.split(r"<[^<>]*>", message)
    return re.fullmatch(".+".join(map(re.escape, parts)), line) is not None


ROWS = rows_of(TABLE.read_text())
