"""Checking a name against those that are allowed, with a hint when it is wrong."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TypeVar

Entry = TypeVar("Entry")

# Modules that a command found by name since it began. No import names them, but its
# result depends on them: they are in its run record.
MODULES_USED: set[str] = set()


def find(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The table's entry of that name.

    Raises ValueError naming the nearest right name, if one is near, and all of them.

    Examples
    --------
    >>> find("task", "ioi", {"ioi": 1})
    1
    """
    return table[one_of(kind, name, table)]


def one_of(kind: str, name: str, allowed: Collection[str]) -> str:
    """The name, if it is one of those allowed.

    Raises ValueError naming the nearest right name, if one is near, and all of them.

    Parameters
    ----------
    kind
        What the name is a name of, for the message.

    Examples
    --------
    >>> one_of("patch type", "ouput", ["output", "pattern"])
    Traceback (most recent call last):
    ValueError: unknown patch type 'ouput': did you mean 'output'? allowed: output, \
pattern
    """
    if isinstance(name, str) and name in allowed:
        return name
    lowered = {entry.lower(): entry for entry in allowed}
    near = get_close_matches(str(name).lower(), lowered, n=1)
    hint = f"did you mean {lowered[near[0]]!r}? " if near else ""
    raise ValueError(f"unknown {kind} {name!r}: {hint}allowed: {', '.join(allowed)}")
