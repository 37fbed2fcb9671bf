"""The criteria of roles: their conditions, the heads that meet them or fall short."""

import math
from collections.abc import Mapping

import pandas as pd

from head_patching.reporting.discovery import latex_table
from head_patching.reporting.keys import pairs_of
from head_patching.reporting.rounding import MISSING, escape, format_number, math_mode
from head_patching.reporting.select import heads_by_strength, role_names, roles_by_head
from head_patching.reporting.tabular import (
    COMPARISONS,
    condition_text,
    criterion_name,
    interval_cell,
    question_text,
    tabular,
)
from head_patching.terms import CANDIDATES, UNDECIDED, has_role, head_name

# What a page has room for: heads with a role, undecided heads, effects of one of these.
MOST_WITH_ROLE = 24
MOST_UNDECIDED = 6
LARGEST_EFFECTS = 2


@latex_table
def role_evidence_table(
    effects: pd.DataFrame,
    evidence: pd.DataFrame,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    most: int = MOST_WITH_ROLE,
) -> str:
    """The evidence for each head's role: every criterion of the role, with interval.

    Parameters
    ----------
    effects, roles, role_criteria
        Of one task. `P` is the role's probability under resampling. Roles in circuit
        order; within a role by |denoising effect|, layer, head.
    evidence
        Says of a criterion that was measured by several questions which one it was.
    most
        Of the heads, the weakest are left out.
    """
    met = role_criteria[role_criteria["verdict"] == 1]
    by_head, order = roles_by_head(roles), role_names(roles, role_criteria)
    given = roles.set_index(["layer", "head", "role"])
    questions = questions_among(evidence)
    rows = []
    for strength, (layer, head) in enumerate(heads_by_strength(effects)):
        for role in filter(has_role, by_head.get((layer, head), [])):
            own = (met["layer"] == layer) & (met["head"] == head)
            shown = met[own & (met["role"] == role)].drop_duplicates("criterion")
            values = "; ".join(
                f"{criterion_name(row.criterion)} "
                f"{math_mode(format_number(row.value, 2))} "
                f"{interval_cell(row.ci_low, row.ci_high, 2)}"
                f"{questions.get((layer, head, row.criterion), '')}"
                for row in shown.itertuples()
            )
            own_role = given.loc[(layer, head, role)]
            if own_role["receivers"] == CANDIDATES:
                values += "; receivers are candidates"
            share = format_number(own_role["probability"], 3)
            line = [escape(role), head_name(layer, head), share, values]
            rows.append((strength, role, line))
    rows = sorted(sorted(rows)[:most], key=lambda row: (order.index(row[1]), row[0]))
    columns = ["Role", "Head", "$P$", "Measured"]
    if not rows:
        rows = [(0, "", ["none", MISSING, MISSING, MISSING])]
    table = pd.DataFrame([row[2] for row in rows], columns=columns)
    wide = r">{\raggedright\arraybackslash}p{8.7cm}"
    return tabular(table, rf"@{{}}llr{wide}@{{}}")


def questions_among(evidence: pd.DataFrame) -> dict[tuple[int, int, str], str]:
    """By layer, head and criterion: in brackets, the question answered best."""
    asked = evidence[evidence["patched"] != ""].dropna(subset=["value"])
    return {
        (row.layer, row.head, row.criterion): f" ({question_text(row)})"
        for row in asked.itertuples()
    }


@latex_table
def criteria_table(role_criteria: pd.DataFrame) -> str:
    """What a head must show to have each role, and how many heads do.

    Rows in the order in which the roles and their criteria were tested.
    """
    keys = ["role", "criterion", "comparison", "threshold"]
    met = role_criteria.groupby(keys, sort=False, as_index=False).agg(
        heads=("verdict", "sum"), bound=("bound", "first")
    )
    rows, previous, space = [], None, r"\addlinespace[2pt] "
    for row in met.itertuples():
        condition = condition_text(row.comparison, row.threshold)
        if row.comparison.startswith("robust z") and math.isfinite(row.bound):
            sign = COMPARISONS[row.comparison[-2:]]
            condition += f" (value ${sign} {format_number(row.bound, 3)}$)"
        first = escape(row.role) if previous is None else space + escape(row.role)
        rows.append(
            [
                first if row.role != previous else "",
                criterion_name(row.criterion),
                condition,
                str(int(row.heads)),
            ]
        )
        previous = row.role
    table = pd.DataFrame(rows, columns=["Role", "Criterion", "Demand", "Heads"])
    return tabular(table, "@{}lllr@{}")


@latex_table
def undecided_table(
    effects: pd.DataFrame,
    evidence: pd.DataFrame,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    most: int = MOST_UNDECIDED,
) -> str:
    """Important heads without a role: what they show, and what roles found missing.

    By |denoising effect| of the output, layer, head; at most `most` heads.
    """
    undecided = roles[roles["role"] == UNDECIDED]
    missing = dict(zip(pairs_of(undecided), undecided["missing"], strict=True))
    tested = dict(list(role_criteria.groupby(["layer", "head"])))
    heads = [head for head in heads_by_strength(effects) if head in missing]
    rows = []
    for head in heads[:most]:
        own = (evidence["layer"] == head[0]) & (evidence["head"] == head[1])
        why = why_missed(tested.get(head, role_criteria.head(0)))
        lacks = missing_text(missing[head], why)
        rows.append([head_name(*head), shown_text(evidence[own]), lacks])
    if not rows:
        rows = [["none", MISSING, MISSING]]
    columns = ["Head", "Measured", "Nearest roles: not met"]
    wide = r">{\raggedright\arraybackslash}p{5.9cm}"
    return tabular(pd.DataFrame(rows, columns=columns), rf"@{{}}l{wide}{wide}@{{}}")


def shown_text(own: pd.DataFrame) -> str:
    """A head by its rows of evidence: its largest effects, where it attends most."""
    effects = own[own["important"] == 1]
    effects = effects.loc[effects["value"].abs().nlargest(LARGEST_EFFECTS).index]
    patterns = own["criterion"].str.fullmatch(r"attention\.[^.]+\.[^.]+")
    attention = own[patterns].nlargest(1, "value")
    parts = [
        f"{criterion_name(row.criterion)} "
        f"{math_mode(format_number(row.value, 2, sign=is_effect))} "
        f"{interval_cell(row.ci_low, row.ci_high, 2, sign=is_effect)}"
        for rows, is_effect in ((effects, True), (attention, False))
        for row in rows.itertuples()
    ]
    return "; ".join(parts) or MISSING


def why_missed(tested: pd.DataFrame) -> dict[tuple[str, str], str]:
    """By role and criterion, why one head misses it; empty where its size is why.

    If a role has several conditions on one criterion, the first that is missed counts.
    """
    reasons: dict[tuple[str, str], str] = {}
    for row in tested[tested["verdict"] == 0].itertuples():
        beyond = row.value - row.threshold
        if row.comparison.endswith("<="):
            beyond = -beyond
        reason = ""
        if math.isnan(row.value):
            reason = "not measured"
        elif row.comparison.startswith("effect") and beyond > 0:
            reason = "not significant"
        reasons.setdefault((row.role, row.criterion), reason)
    return reasons


def missing_text(missing: str, why: Mapping[tuple[str, str], str]) -> str:
    """The column `missing` of `roles.csv` in the words of the text, as LaTeX.

    Examples
    --------
    >>> why = {("name mover", "copy_score"): "not measured"}
    >>> missing_text("name mover: direct_effect, copy_score; induction: x_y", why)
    'name mover: direct effect, copy score (not measured); induction: x y'
    """
    roles = []
    for part in missing.split("; "):
        role, _, criteria = part.rpartition(": ")
        reasons = {name: why.get((role, name)) for name in criteria.split(", ")}
        named = ", ".join(
            criterion_name(name) + (f" ({reason})" if reason else "")
            for name, reason in reasons.items()
        )
        roles.append(f"{escape(role)}: {named}" if role else named)
    return "; ".join(roles)
