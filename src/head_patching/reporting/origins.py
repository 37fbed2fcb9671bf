"""The origin of a printed number: its result files, their rules and their inputs."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import pandas as pd

from head_patching.files.provenance import OUTPUTS

OUTPUT_OPTIONS = tuple(f"--{name}" for name in OUTPUTS)
WILDCARD = r"\{[^{}]*\}"


@dataclass(frozen=True)
class Origin:
    """One result file, and how it was made.

    Parameters
    ----------
    file
        Its path.
    rule
        The rule of the workflow that made it; empty if no rule's output has this path.
    command
        The command line that made it; empty if there is no run record of it.
    inputs
        The files that the command read, with their checksums.
    """

    file: str
    rule: str
    command: str
    inputs: Mapping[str, str]


def origins(
    key: str, numbers: pd.DataFrame, provenance: Mapping[str, Any]
) -> tuple[pd.Series, list[Origin]]:
    """The row of a number (see `numbers_table`), and the files it was computed from.

    Parameters
    ----------
    key
        The number's key, as in the text.
    numbers
        All numbers of a build.
    provenance
        The record of a whole run (`head_patching.files.provenance.collect`).

    Raises
    ------
    ValueError
        When there is no such number; the message names the nearest.
    """
    rows = {name: number for number, name in enumerate(numbers["key"])}
    if key not in rows:
        near = [name for name in rows if key in name] or get_close_matches(key, rows)
        hint = f"; there are {', '.join(near[:5])}" if near else ""
        raise ValueError(f"there is no number {key!r}{hint} (see results/numbers.csv)")
    row = numbers.iloc[rows[key]]
    return row, [origin(file, provenance) for file in str(row["files"]).split()]


def origin(file: str, provenance: Mapping[str, Any]) -> Origin:
    """The rule, the command and the inputs that made a result file."""
    record = next(
        (each for each in provenance["runs"].values() if file in written_by(each)), {}
    )
    return Origin(
        file,
        rule_of(file, provenance["rules"]),
        record.get("command", ""),
        record.get("inputs", {}),
    )


def written_by(record: Mapping[str, Any]) -> set[str]:
    """The files that the command of a run record writes."""
    words = shlex.split(record["command"])
    return {
        value for option, value in pairwise(words) if option.startswith(OUTPUT_OPTIONS)
    }


def rule_of(file: str, rules: Mapping[str, str]) -> str:
    """The rule whose output pattern, with wildcards in braces, the path matches.

    A wildcard matches folders, too. Of several patterns the one with the longest text
    outside its wildcards is taken.
    """
    matching = [
        pattern
        for pattern in rules
        if re.fullmatch(".+".join(map(re.escape, re.split(WILDCARD, pattern))), file)
    ]
    spelled = {each: len(re.sub(WILDCARD, "", each)) for each in matching}
    return rules[max(spelled, key=spelled.__getitem__)] if spelled else ""
