"""From evidence to roles: a pure function of three tables.

A head has every role whose criteria it meets, so it may have several. A head with an
important patching effect but no role is `undecided`, and what it lacks for the
nearest role is named. A head without an important effect is `no role`; when it meets
all else that a role asks, that is named too.
"""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from head_patching.roles.criteria import Criterion, verdicts

IMPORTANT = "important effect"  # 1 when any effect of the head is important, else 0
UNDECIDED = "undecided"
NO_ROLE = "no role"
HEAD = ["layer", "head"]
MEASURED = ["value", "ci_low", "ci_high"]


def classify(
    evidence: pd.DataFrame, effects: pd.DataFrame, criteria: Sequence[Criterion]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The roles of every head, and every criterion that decided.

    Parameters
    ----------
    evidence
        Columns layer, head, criterion, value, ci_low, ci_high.
    effects
        Columns layer, head, important; one important row makes a head important.
    criteria
        Rows of the criteria table; `important effect` may stand among them.

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
    measured = _measured(evidence, effects, criteria)
    met, bounds = _verdicts(measured, criteria)
    rows_of = _rows_of_roles(criteria)
    has = np.stack([met[:, rows].all(axis=1) for rows in rows_of.values()], axis=1)
    flags = (measured["value", IMPORTANT] > 0).tolist()  # important or not, by head
    rows = []
    for number, (layer, head) in enumerate(measured.index):
        held = [role for role, yes in zip(rows_of, has[number], strict=True) if yes]
        missing = "" if held else _missing(met[number], flags[number], criteria)
        for role in held or [UNDECIDED if flags[number] else NO_ROLE]:
            rows.append((layer, head, role, int(flags[number]), missing))
    roles = pd.DataFrame(rows, columns=[*HEAD, "role", "important", "missing"])
    return roles, _role_criteria(measured, criteria, met, bounds)


def _measured(
    evidence: pd.DataFrame, effects: pd.DataFrame, criteria: Sequence[Criterion]
) -> pd.DataFrame:
    """Evidence and importance: rows (layer, head), columns (quantity, criterion)."""
    twice = evidence.duplicated([*HEAD, "criterion"])
    if twice.any():
        row = evidence[twice].iloc[0]
        raise ValueError(
            f"evidence {row['criterion']!r} of L{row['layer']}H{row['head']} "
            "stands more than once"
        )
    wide = evidence.pivot(index=HEAD, columns="criterion", values=MEASURED)
    important = effects.groupby(HEAD)["important"].max()
    wide["value", IMPORTANT] = important.reindex(wide.index, fill_value=0)
    wide["ci_low", IMPORTANT] = wide["ci_high", IMPORTANT] = np.nan
    known = list(wide["value"].columns)
    for row in criteria:
        if row.criterion not in known:
            near = get_close_matches(row.criterion, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"role {row.role!r} asks for {row.criterion!r}, which was not "
                f"measured{hint}"
            )
    return wide.astype(float).sort_index()


def _verdicts(
    measured: pd.DataFrame, criteria: Sequence[Criterion]
) -> tuple[Bool[np.ndarray, "head row"], Float[np.ndarray, " row"]]:
    """Whether each head meets each row of the table, and the bound it was held to."""
    met, bounds = [], []
    for row in criteria:
        numbers = [measured[name, row.criterion].to_numpy() for name in MEASURED]
        of_row, bound = verdicts(*numbers, row.comparison, row.threshold)
        met.append(of_row)
        bounds.append(bound)
    return np.stack(met, axis=1), np.array(bounds)


def _rows_of_roles(criteria: Sequence[Criterion]) -> dict[str, list[int]]:
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
        **{name: measured[name][names].to_numpy().ravel() for name in MEASURED},
        "comparison": np.tile([row.comparison for row in criteria], n_heads),
        "threshold": np.tile([row.threshold for row in criteria], n_heads),
        "bound": np.tile(bounds, n_heads),
        "verdict": met.ravel().astype(int),
    }
    return heads.assign(**columns)


def _missing(
    met: Bool[np.ndarray, " row"], is_important: bool, criteria: Sequence[Criterion]
) -> str:
    """What a head without a role lacks, for the roles it comes nearest to.

    An unimportant head gets a text only where importance is all that it lacks.
    """
    lacking, share = {}, {}
    for role, rows in _rows_of_roles(criteria).items():
        failed = [criteria[row].criterion for row in rows if not met[row]]
        lacking[role] = list(dict.fromkeys(failed))
        asked = [row for row in rows if criteria[row].criterion != IMPORTANT]
        share[role] = sum(met[row] for row in asked) / max(1, len(asked))
    if not is_important:
        nearest = [role for role, names in lacking.items() if names == [IMPORTANT]]
    elif max(share.values()) == 0:
        return "every criterion of every role"
    else:
        nearest = [role for role in lacking if share[role] == max(share.values())]
    return "; ".join(f"{role}: {', '.join(lacking[role])}" for role in nearest)
