"""From evidence to roles: a pure function of the evidence and the criteria.

A head has every role whose criteria it meets, so it may have several. A head with an
important effect but no role is `undecided`, and what it lacks for the nearest role is
named. A head without an important effect is `no role`; when only effects are missing
for a role, that is named too.
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from head_patching.patching.effects import Importance, is_important
from head_patching.roles.criteria import Criterion, verdicts
from head_patching.terms import HEAD, NO_ROLE, UNDECIDED, head_name

MEASURED = ["value", "ci_low", "ci_high", "q_value"]


def classify(
    evidence: pd.DataFrame, criteria: Sequence[Criterion], importance: Importance
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The roles of every head, and every criterion that decided.

    Parameters
    ----------
    evidence
        Columns layer, head, criterion, value, ci_low, ci_high, q_value. A head with an
        important value of any criterion that was tested is important.
    criteria
        Rows of the criteria table; without any, important heads are undecided.

    Returns
    -------
    roles
        Columns layer, head, role, important, missing; sorted by layer and head, then
        in the order of the table.
    role_criteria
        Columns layer, head, role, criterion, value, ci_low, ci_high, comparison,
        threshold, bound (the threshold in the units of the value), verdict.

    Raises
    ------
    ValueError
        When a criterion was not measured, or a head is measured twice.
    """
    measured = _measured(evidence, criteria)
    important = (
        is_important(evidence["value"], evidence["q_value"], importance)
        .groupby([evidence[key] for key in HEAD])
        .any()
        .reindex(measured.index)
    )
    met, bounds = _verdicts(measured, criteria, importance.rate)
    rows_of = rows_of_roles(criteria)
    has = np.zeros((len(measured), len(rows_of)), dtype=bool)
    for number, rows in enumerate(rows_of.values()):
        has[:, number] = met[:, rows].all(axis=1)
    flags = important.tolist()
    rows = []
    for number, (layer, head) in enumerate(measured.index):
        own_roles = [
            role for role, yes in zip(rows_of, has[number], strict=True) if yes
        ]
        missing = "" if own_roles else _missing(met[number], flags[number], criteria)
        for role in own_roles or [UNDECIDED if flags[number] else NO_ROLE]:
            rows.append((layer, head, role, int(flags[number]), missing))
    roles = pd.DataFrame(rows, columns=[*HEAD, "role", "important", "missing"])
    return roles, _role_criteria(measured, criteria, met, bounds)


def _measured(evidence: pd.DataFrame, criteria: Sequence[Criterion]) -> pd.DataFrame:
    """The evidence as rows (layer, head) and columns (quantity, criterion)."""
    twice = evidence.duplicated([*HEAD, "criterion"])
    if twice.any():
        row = evidence[twice].iloc[0]
        raise ValueError(
            f"evidence {row['criterion']!r} of {head_name(row['layer'], row['head'])} "
            "is listed more than once"
        )
    require_measured(criteria, set(evidence["criterion"]))
    wide = evidence.pivot(index=HEAD, columns="criterion", values=MEASURED)
    return wide.astype(float).sort_index()


def require_measured(criteria: Sequence[Criterion], known: Collection[str]) -> None:
    """Refuse criteria that were not measured, naming the nearest that was."""
    for row in criteria:
        if row.criterion not in known:
            near = get_close_matches(row.criterion, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"role {row.role!r} requires {row.criterion!r}, which was not "
                f"measured{hint}"
            )


def _verdicts(
    measured: pd.DataFrame, criteria: Sequence[Criterion], rate: float
) -> tuple[Bool[np.ndarray, "head row"], Float[np.ndarray, " row"]]:
    """Whether each head meets each row of the table, and each row's bound."""
    met = np.zeros((len(measured), len(criteria)), dtype=bool)
    bounds = np.full(len(criteria), np.nan)
    for number, row in enumerate(criteria):
        met[:, number], bounds[number] = verdicts(
            measured["value", row.criterion].to_numpy(),
            measured["q_value", row.criterion].to_numpy(),
            row.comparison,
            row.threshold,
            rate,
        )
    return met, bounds


def rows_of_roles(criteria: Sequence[Criterion]) -> dict[str, list[int]]:
    """The rows of the table that belong to each role, roles in order of appearance."""
    rows: dict[str, list[int]] = {}
    for number, row in enumerate(criteria):
        rows.setdefault(row.role, []).append(number)
    return rows


def _role_criteria(
    measured: pd.DataFrame,
    criteria: Sequence[Criterion],
    met: Bool[np.ndarray, "head row"],
    bounds: Float[np.ndarray, " row"],
) -> pd.DataFrame:
    """One row for every head and row of the criteria table."""
    n_heads = len(measured)
    names = [row.criterion for row in criteria]
    heads = measured.index.repeat(len(criteria)).to_frame(index=False)
    columns = {
        "role": np.tile([row.role for row in criteria], n_heads),
        "criterion": np.tile(names, n_heads),
        **{name: measured[name][names].to_numpy().ravel() for name in MEASURED[:3]},
        "comparison": np.tile([row.comparison for row in criteria], n_heads),
        "threshold": np.tile([row.threshold for row in criteria], n_heads),
        "bound": np.tile(bounds, n_heads),
        "verdict": met.ravel().astype(int),
    }
    return heads.assign(**columns)


def _missing(
    met: Bool[np.ndarray, " row"], is_important: bool, criteria: Sequence[Criterion]
) -> str:
    """The criteria that a head without a role lacks, for its nearest roles.

    An unimportant head gets a text only for roles of which it lacks effects alone.
    """
    lacking: dict[str, list[str]] = {}
    met_share, only_effects = {}, []
    for role, rows in rows_of_roles(criteria).items():
        failed = [criteria[row] for row in rows if not met[row]]
        lacking[role] = list(dict.fromkeys(row.criterion for row in failed))
        met_share[role] = 1 - len(failed) / len(rows)
        if all(row.comparison.startswith("effect") for row in failed):
            only_effects.append(role)
    if not is_important:
        nearest = only_effects
    elif max(met_share.values(), default=0) == 0:
        return "every criterion of every role"
    else:
        best = max(met_share.values())
        nearest = [role for role in lacking if met_share[role] == best]
    return "; ".join(f"{role}: {', '.join(lacking[role])}" for role in nearest)
