"""Finding an entry of a table by its name, with a hint when the name is wrong."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

Entry = TypeVar("Entry")


def find(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The table's entry of that name.

    Raises ValueError naming the nearest right name, if one is near, and all of them.

    Examples
    --------
    >>> find("task", "ioi", {"ioi": 1})
    1
    """
    if isinstance(name, str) and name in table:
        return table[name]
    lowered = {entry.lower(): entry for entry in table}
    near = get_close_matches(str(name).lower(), lowered, n=1)
    hint = f"did you mean {lowered[near[0]]!r}? " if near else ""
    raise ValueError(f"unknown {kind} {name!r}: {hint}allowed: {', '.join(table)}")
