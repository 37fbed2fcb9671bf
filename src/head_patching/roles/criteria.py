"""The table of criteria that a head must meet to have a role.

Each row of a task's table (`config/roles/`) compares one quantity with one threshold. A
head has a role if it meets all rows of the role. How a value is compared:

- `>=`, `<=`: the value itself;
- `|x| >=`, `|x| <=`: its size;
- `robust z >=`, `robust z <=`: its distance from the median of all heads of the
  model, in units of 1.4826 x the median absolute deviation (which is the standard
  deviation for normal values), so that one threshold fits models of any size;
- `effect >=`, `effect <=`: the value, which must also be significantly different from
  zero: by a sign-flip test over templates, under a false-discovery rate over all heads.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Bool, Float

COMPARISONS = tuple(
    f"{quantity} {sign}".strip()
    for quantity in ("", "|x|", "robust z", "effect")
    for sign in (">=", "<=")
)


@dataclass(frozen=True)
class Criterion:
    """One row of the table: a comparison of one measured quantity, for one role."""

    role: str
    criterion: str
    comparison: str
    threshold: float
    source: str


def read_criteria(path: Path | None) -> list[Criterion]:
    """The rows of a criteria file, in its order; no rows without a file.

    Raises
    ------
    ValueError
        When a row lacks a key, has one too many or an impossible value, or is listed
        twice.
    """
    if path is None:
        return []
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{path} is not readable YAML: {line}") from error
    rows = content.get("criteria") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path}: expected a list of rows under the key 'criteria'")
    criteria = [
        _parse_row(row, f"{path}, row {number}")
        for number, row in enumerate(rows, start=1)
    ]
    _check_unique(criteria, path)
    return criteria


def require_criteria(criteria: Sequence[Criterion], roles: Iterable[str]) -> None:
    """Refuse a table of criteria that has none for one of these roles.

    A table without any rows is allowed: then no head has a role.
    """
    known = list(dict.fromkeys(row.role for row in criteria))
    for role in roles if known else ():
        if role not in known:
            raise ValueError(
                f"paths are traced by the heads of the role {str(role)!r}, for which "
                f"there are no criteria: they are for {', '.join(known)}"
            )


def _parse_row(row: Any, where: str) -> Criterion:
    """One row of the file, checked."""
    expected = [field.name for field in fields(Criterion)]
    if not isinstance(row, dict) or set(row) != set(expected):
        keys = ", ".join(map(str, row)) if isinstance(row, dict) else repr(row)
        raise ValueError(f"{where} has {keys}; expected {', '.join(expected)}")
    for key in ("role", "criterion", "source"):
        if not isinstance(row[key], str) or not row[key]:
            raise ValueError(f"{where}: {key} is {row[key]!r}, expected a text")
    if row["comparison"] not in COMPARISONS:
        allowed = ", ".join(repr(name) for name in COMPARISONS)
        raise ValueError(
            f"{where}: comparison is {row['comparison']!r}, expected one of {allowed}"
        )
    threshold = row["threshold"]
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not is_number or not math.isfinite(threshold):
        raise ValueError(f"{where}: threshold is {threshold!r}, expected a number")
    return Criterion(**{**row, "threshold": float(threshold)})


def _check_unique(criteria: Sequence[Criterion], path: Path) -> None:
    """No role may compare one criterion twice in the same way."""
    keys = [(row.role, row.criterion, row.comparison) for row in criteria]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{path}: {' / '.join(key)} is listed more than once")


def verdicts(
    value: Float[np.ndarray, " head"],
    q_value: Float[np.ndarray, " head"],
    comparison: str,
    threshold: float,
    rate: float,
) -> tuple[Bool[np.ndarray, " head"], float]:
    """Which heads meet a threshold, and the threshold in the units of the value.

    Parameters
    ----------
    value, q_value
        Of one criterion; a value that was not measured (NaN) meets no threshold.
    comparison
        One of `COMPARISONS`.
    threshold
        In the units that the comparison implies.
    rate
        False-discovery rate at which effects must be different from zero.
    """
    quantity, _, sign = comparison.rpartition(" ")
    compared, bound = value, threshold
    if quantity == "|x|":
        compared = np.abs(value)
    elif quantity == "robust z":
        compared, median, spread = robust_z(value)
        bound = median + threshold * spread
    met = compared >= threshold if sign == ">=" else compared <= threshold
    return met & (q_value <= rate) if quantity == "effect" else met, bound


def robust_z(
    value: Float[np.ndarray, " head"],
) -> tuple[Float[np.ndarray, " head"], float, float]:
    """Distances from the median in robust standard deviations; median; deviation.

    When more than half of the values are equal the deviation is 0; other values are
    then infinitely far from the median, and the median itself is at 0.
    """
    if np.isnan(value).all():
        return value, np.nan, np.nan
    median = float(np.nanmedian(value))
    distance = value - median
    spread = 1.4826 * float(np.nanmedian(np.abs(distance)))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(distance == 0, 0.0, distance / spread)
    return z, median, spread
