"""Whether a build reproduces the published results: each claim of the chapter.

A claim is one or several numbers of the text, or the effects of all heads of a task. It
holds when each number lies within its tolerance of the reference, and words, names and
counts are the same. Nothing typeset is compared: numbers are computed again from the
result files, unrounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from head_patching.files.tables import read_columns
from head_patching.terms import HEAD, head_name

# Settings that say how results are computed, not what is computed.
WITHOUT_EFFECT = ("threads", "pairs_per_file", "shards")

FROM_GIT = "restore it with git"  # what to do about a damaged file of the reference

FIELDS = ("id", "statement", "where", "tolerance")
HEAD_KEY = ["task", *HEAD]


@dataclass(frozen=True)
class Claim:
    """A statement of the chapter, and how well a build must reproduce it.

    Parameters
    ----------
    id, statement, where
        Its short name, the claim in words, and the place in the chapter.
    within
        The tolerance of each number; 0 where the values must be equal.
    keys
        The keys of the numbers that it is about; empty for a claim on all heads.
    task
        The task of a claim on the effects of all heads; empty for other claims.
    """

    id: str
    statement: str
    where: str
    within: float
    keys: tuple[str, ...] = ()
    task: str = ""


def read_claims(path: Path) -> list[Claim]:
    """The claims in a YAML file, with the tolerances that it lists by name.

    Raises
    ------
    ValueError
        When the file does not hold claims, or a claim lacks a field, has one too
        many, names a tolerance that is not listed or has the id of another claim.
    """
    try:
        table = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        tolerances = {
            name: float(row["within"]) for name, row in table["tolerances"].items()
        }
        rows = [dict(row) for row in table["claims"]]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is not a file of claims: {error}") from None
    claims = [read_claim(path, row, tolerances) for row in rows]
    ids = [claim.id for claim in claims]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise ValueError(f"{path}: there are two claims {twice[0]!r}")
    return claims


def read_claim(
    path: Path, row: Mapping[str, Any], tolerances: Mapping[str, float]
) -> Claim:
    """One claim of the file; ValueError if it has other fields or tolerances."""
    about = {"keys", "task"} & set(row)
    if {*row} - about != {*FIELDS} or len(about) != 1 or not row[min(about)]:
        raise ValueError(
            f"{path}: claim {row.get('id')!r} has the fields {', '.join(row)}; "
            f"expected {', '.join(FIELDS)}, and keys or task"
        )
    if row["tolerance"] not in tolerances:
        raise ValueError(
            f"{path}: claim {row['id']!r} has tolerance {row['tolerance']!r}, "
            f"expected one of {', '.join(tolerances)}"
        )
    return Claim(
        row["id"],
        row["statement"],
        row["where"],
        tolerances[row["tolerance"]],
        tuple(row.get("keys", ())),
        row.get("task", ""),
    )


def read_values(path: Path) -> pd.DataFrame:
    """The reference's numbers; columns: key, text, exact, as in `numbers_table`."""
    return read_columns(path, dict.fromkeys(("key", "text", "exact"), str), FROM_GIT)


def read_effects(path: Path) -> pd.DataFrame:
    """The reference's effects of all heads, as `effects_by_head` gives them."""
    known = {"task": str} | dict.fromkeys(HEAD, int)
    return read_columns(path, known, FROM_GIT, others=float)


def effects_by_head(effects_by_task: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Effects of all heads on all tasks, one column per direction and type.

    Columns: task, layer, head, then `denoising_output` and so on.
    """
    tables = []
    for task, effects in effects_by_task.items():
        kind = effects["direction"] + "_" + effects["patch_type"]
        wide = effects.assign(kind=kind).pivot(
            index=HEAD, columns="kind", values="effect"
        )
        tables.append(wide.reset_index().assign(task=task))
    table = pd.concat(tables, ignore_index=True)
    kinds = sorted(set(table.columns) - set(HEAD_KEY))
    return table[[*HEAD_KEY, *kinds]].rename_axis(columns=None)


def other_settings(
    expected: Mapping[str, Any], obtained: Mapping[str, Any]
) -> list[str]:
    """Settings that are not the reference's, in words; results differ with them."""
    absent = "absent"
    names = sorted({*expected, *obtained} - {*WITHOUT_EFFECT})
    return [
        f"{name} is {obtained.get(name, absent)}, expected {expected.get(name, absent)}"
        for name in names
        if obtained.get(name, absent) != expected.get(name, absent)
    ]


def verify(
    claims: Sequence[Claim],
    expected: pd.DataFrame,
    obtained: pd.DataFrame,
    expected_effects: pd.DataFrame,
    obtained_effects: pd.DataFrame,
) -> pd.DataFrame:
    """The verdict on every claim.

    Parameters
    ----------
    claims
        What is compared, and how exactly.
    expected, obtained
        Numbers of the reference and of the build; columns: key, text, exact.
    expected_effects, obtained_effects
        Effects of the reference and of the build, as `effects_by_head` gives them.

    Returns
    -------
    pandas.DataFrame
        Columns: id, statement, where, expected, obtained, difference (the largest;
        infinite between different words), tolerance, holds (1 or 0).
    """
    tables = [table.set_index("key") for table in (expected, obtained)]
    rows = []
    for claim in claims:
        if claim.task:
            found = compare_effects(claim.task, expected_effects, obtained_effects)
        else:
            found = compare_numbers(claim, *tables)
        said = {"id": claim.id, "statement": claim.statement, "where": claim.where}
        holds = found["difference"] <= claim.within
        rows.append(said | found | {"tolerance": claim.within, "holds": int(holds)})
    return pd.DataFrame(rows)


def compare_numbers(
    claim: Claim, expected: pd.DataFrame, obtained: pd.DataFrame
) -> dict[str, Any]:
    """The numbers of a claim in both tables, and the largest difference.

    Infinite where one is missing, or words differ.
    """
    texts: dict[str, list[str]] = {"expected": [], "obtained": []}
    largest = 0.0
    for key in claim.keys:
        both = [
            table.loc[key] if key in table.index else None
            for table in (expected, obtained)
        ]
        for shown, row in zip(texts.values(), both, strict=True):
            shown.append("missing" if row is None else row["exact"] or row["text"])
        first, second = both
        if first is None or second is None:
            largest = float("inf")
        else:
            largest = max(largest, difference(first, second))
    shown = {name: "; ".join(each) for name, each in texts.items()}
    return shown | {"difference": largest}


def difference(first: pd.Series, second: pd.Series) -> float:
    """The largest between two numbers or their bounds; infinite between other words."""
    sides = [row["exact"] or row["text"] for row in (first, second)]
    if sides[0] == sides[1]:
        return 0.0
    try:
        values = [[float(value) for value in side.split()] for side in sides]
    except ValueError:
        return float("inf")
    if not first["exact"] or len(values[0]) != len(values[1]):
        return float("inf")
    return max(abs(a - b) for a, b in zip(*values, strict=True))


def compare_effects(
    task: str, expected: pd.DataFrame, obtained: pd.DataFrame
) -> dict[str, Any]:
    """The head whose effect differs most, over all experiments of a task."""
    both = [
        table[table["task"] == task].set_index(HEAD_KEY).stack()
        for table in (expected, obtained)
    ]
    first, second = both[0].align(both[1])
    # An effect that one side lacks differs by more than any tolerance.
    change = (first - second).abs().fillna(float("inf"))
    if change.empty:
        nothing = {"expected": "missing", "obtained": "missing"}
        return nothing | {"difference": float("inf")}
    worst = change.idxmax()
    _, layer, head, kind = worst
    name = f"{head_name(layer, head)} {kind.replace('_', ' ')}"
    return {
        "expected": f"{name} {first.loc[worst]:.6f}",
        "obtained": f"{name} {second.loc[worst]:.6f}",
        "difference": float(change.max()),
    }
