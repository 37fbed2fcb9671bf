"""Published values compared with ours: equal quantities of equal heads, with intervals.

A published value of a role is the mean over the heads that the publication names; it is
measured here on these heads, and again on those found to have the role. A value agrees
when our interval contains one that the publication allows: `= 0.59` allows 0.59 alone,
`> 0.95` every larger value. All is measured with and without a begin-of-sequence token,
which can reverse a model's answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from head_patching.files.register import columns
from head_patching.roles.agreement import (
    Heads,
    agreement,
    disagreements,
    heads_by_role,
    membership,
)
from head_patching.roles.measured import Measured
from head_patching.roles.published import ALL_HEADS
from head_patching.statistics import Interval, Statistics, bootstrap_mean, widened

# Fractions of names, which can be 0 or 1 on all prompts.
SHARES = ("copy_score", "negative_copy_score")


@dataclass(frozen=True)
class Setting:
    """Measurements with one setting of the begin-of-sequence token.

    `behaviour`, `roles` and `role_criteria` are the tables of these names, `evidence`
    the measurements on pairs by criterion. `own` marks the setting of the chapter.
    """

    prepend_bos: bool
    own: bool
    behaviour: pd.DataFrame
    evidence: Mapping[str, Measured]
    roles: pd.DataFrame
    role_criteria: pd.DataFrame


def replication(
    values: pd.DataFrame,
    listed: Mapping[str, Heads],
    settings: Sequence[Setting],
    statistics: Statistics,
) -> pd.DataFrame:
    """One row per published value, setting and set of heads; no rows without values.

    Columns: criterion, role, heads (`published`, `found`, `all`, or empty for
    behaviour), n_heads, comparison, published, section, prepend_bos, own (0/1), value,
    ci_low, ci_high (over templates), agrees (0/1; empty where nothing was measured).

    Parameters
    ----------
    values
        As `published_values` gives them.
    listed
        The published heads of each role.

    Raises
    ------
    ValueError
        When a published head is not in this model, or a criterion was not measured.
    """
    rows = []
    for setting in settings:
        everyone = set(zip(setting.roles["layer"], setting.roles["head"], strict=True))
        membership(sorted(everyone), listed)  # refuses a list of another model
        found = heads_by_role(setting.roles, listed)
        for value in values.itertuples():
            sets = {"published": listed.get(value.role, ()), "found": []}
            sets["found"] = found.get(value.role, [])
            if value.role == ALL_HEADS:
                sets = {"all": sorted(everyone)}
            elif not value.role:
                sets = {"": ()}
            for name, heads in sets.items():
                ours = measured(setting, value.criterion, value.role, heads, statistics)
                rows.append(
                    (value.criterion, value.role, name, len(heads), value.comparison,
                     value.published, value.section, int(setting.prepend_bos),
                     int(setting.own), *ours,
                     allows(value.comparison, value.published, *ours[1:]))
                )  # fmt: skip
    return pd.DataFrame(rows, columns=columns("replication"))


def measured(
    setting: Setting, criterion: str, role: str, heads: Heads, statistics: Statistics
) -> Interval:
    """Our value with its interval; NaN for a role of no heads.

    Parameters
    ----------
    setting
        The measurements.
    criterion
        The published quantity: a metric, if `role` is empty, or a criterion.
    role, heads
        Of which heads it is the mean.
    statistics
        How the interval is resampled.
    """
    if not role:
        return of_behaviour(setting.behaviour, criterion)
    if criterion not in setting.evidence:
        raise ValueError(
            f"{criterion!r} is published, but was not measured; there are: "
            f"{', '.join(sorted(setting.evidence))}"
        )
    return of_heads(setting.evidence[criterion], heads, statistics)


def of_behaviour(behaviour: pd.DataFrame, metric: str) -> Interval:
    """A metric of the clean run over all pairs, as `behaviour.csv` has it."""
    clean = behaviour[(behaviour["run"] == "clean") & (behaviour["metric"] == metric)]
    if clean.empty:
        raise ValueError(
            f"{metric!r} is published, but was not measured; there are: "
            f"{', '.join(sorted(behaviour['metric'].unique()))}"
        )
    row = clean[clean["group"] == "all"].iloc[0]
    return float(row["mean"]), float(row["ci_low"]), float(row["ci_high"])


def of_heads(measured: Measured, heads: Heads, statistics: Statistics) -> Interval:
    """The mean over heads of a criterion, with its interval over templates."""
    if not heads:
        return np.nan, np.nan, np.nan
    layers, numbers = zip(*heads, strict=True)
    per_pair = measured.values[list(layers), list(numbers)].mean(axis=0)
    ends = bootstrap_mean(
        per_pair,
        measured.groups,
        statistics.n_resamples,
        statistics.seed,
        statistics.level,
    )
    value, low, high = map(float, ends)
    interval, n_groups = (value, low, high), len(np.unique(measured.groups))
    is_share = measured.criterion in SHARES
    return widened(interval, n_groups, statistics.level) if is_share else interval


def allows(comparison: str, published: float, low: float, high: float) -> float:
    """1 when the interval contains a value that the publication allows, else 0.

    NaN without an interval.

    Examples
    --------
    >>> allows("=", 3.56, 3.1, 3.6), allows(">", 0.95, 0.8, 0.9)
    (1.0, 0.0)
    """
    if not np.isfinite([low, high]).all():
        return np.nan
    allowed = {
        "=": low <= published <= high,
        ">": high > published,
        "<": low < published,
    }
    return float(allowed[comparison])


def role_agreement(
    listed: Mapping[str, Heads], settings: Sequence[Setting], statistics: Statistics
) -> pd.DataFrame:
    """`roles.agreement.agreement` of each setting, with columns that name it."""
    tables = [
        named(
            agreement(each.roles, listed, statistics),
            each,
        )
        for each in settings
    ]
    return joined(tables, columns("role_agreement"))


def role_disagreements(
    listed: Mapping[str, Heads], settings: Sequence[Setting]
) -> pd.DataFrame:
    """`roles.agreement.disagreements` of each setting, with columns that name it."""
    tables = [
        named(disagreements(each.roles, each.role_criteria, listed), each)
        for each in settings
    ]
    return joined(tables, columns("role_disagreements"))


def named(table: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The table with the setting that it belongs to."""
    return table.assign(prepend_bos=int(setting.prepend_bos), own=int(setting.own))


def joined(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """All rows of the tables; these columns even if there are no rows."""
    some = [table for table in tables if not table.empty]
    return pd.concat(some)[list(names)] if some else pd.DataFrame(columns=names)
