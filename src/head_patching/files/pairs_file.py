"""The file of prompt pairs: JSON lines, a header and then one pair a line.

The header says how many pairs follow, so that a file cut short is noticed. Whatever a
file holds, reading it gives plain records whose keys and types are right, or a
ValueError of one line; whether the values make sense is for `pairs` to say.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from head_patching.files.schema import SCHEMA_VERSION, require_version

Record = dict[str, Any]


def _is_text(value: Any) -> bool:
    """Whether the value is a text."""
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    """Whether the value is true or false."""
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    """Whether the value is a whole number (true and false are not)."""
    return isinstance(value, int) and not isinstance(value, bool)


def _are_whole(value: Any) -> bool:
    """Whether the value is a list of whole numbers."""
    return isinstance(value, list) and all(_is_whole(item) for item in value)


def _are_positions(value: Any) -> bool:
    """Whether the value maps names to whole numbers."""
    return isinstance(value, dict) and all(_is_whole(item) for item in value.values())


Kind = tuple[Callable[[Any], bool], str]
TEXT: Kind = (_is_text, "a text")
WHOLE: Kind = (_is_whole, "a whole number")
TOKENS: Kind = (_are_whole, "a list of tokens")

HEADER: dict[str, Kind] = {
    "schema_version": WHOLE,
    "task": TEXT,
    "corruption": TEXT,
    "prepend_bos": (_is_bool, "true or false"),
    "seed": WHOLE,
    "n_pairs": WHOLE,
}

PAIR: dict[str, Kind] = {
    "clean": TEXT,
    "corrupt": TEXT,
    "clean_tokens": TOKENS,
    "corrupt_tokens": TOKENS,
    "answer": TEXT,
    "wrong_answer": TEXT,
    "answer_token": WHOLE,
    "wrong_answer_token": WHOLE,
    "positions": (_are_positions, "named positions"),
    "template": TEXT,
}


class PairsFile(NamedTuple):
    """What a file of prompt pairs holds, as plain records."""

    header: Record  # task, corruption, prepend_bos, seed
    pairs: list[Record]


def to_lines(header: Record, pairs: list[Record]) -> str:
    """The text of a file; equal records give equal bytes, all of them ASCII."""
    first = {"schema_version": SCHEMA_VERSION, **header, "n_pairs": len(pairs)}
    return "".join(json.dumps(record) + "\n" for record in (first, *pairs))


def read_records(path: Path) -> PairsFile:
    """The header and the pairs' records.

    Raises ValueError naming the file, its line, and what is wrong there.
    """
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text in UTF-8: {error.reason}") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise ValueError(f"{path}: empty: a header and at least one pair are needed")
    header = _checked(lines[0], HEADER, f"{path}, line 1")
    version, n_pairs = header.pop("schema_version"), header.pop("n_pairs")
    require_version(f"{path}, line 1", version)
    if n_pairs != len(lines) - 1:
        raise ValueError(
            f"{path}: the header says {n_pairs} pairs, the file holds"
            f" {len(lines) - 1}: it was cut short or edited"
        )
    pairs = [
        _checked(line, PAIR, f"{path}, line {number}")
        for number, line in enumerate(lines[1:], start=2)
    ]
    return PairsFile(header, pairs)


def _checked(line: str, kinds: dict[str, Kind], where: str) -> Record:
    """The JSON object in a line, with exactly these keys and kinds of values."""
    try:
        record = json.loads(line, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not a JSON object: {error}") from None
    if not isinstance(record, dict):
        raise ValueError(f"{where}: not a JSON object: {line[:40]!r}")
    for key, (is_kind, kind) in kinds.items():
        if key not in record:
            raise ValueError(f"{where}: key {key!r} is missing")
        if not is_kind(record[key]):
            shown = repr(record[key])[:40]
            raise ValueError(f"{where}: {key} is {shown}: {kind} is needed")
    for key in record:
        if key not in kinds:
            allowed = ", ".join(kinds)
            raise ValueError(f"{where}: unknown key {key!r}: allowed: {allowed}")
    return record


def _without_repeats(items: list[tuple[str, Any]]) -> Record:
    """A JSON object's items as a dict; a repeated key is refused."""
    for key, count in Counter(key for key, _ in items).items():
        if count > 1:
            raise ValueError(f"key {key!r} is there twice")
    return dict(items)
