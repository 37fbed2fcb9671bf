"""Tables of roles: which heads have them, by which measurements, asked by whom."""

import math
from collections.abc import Mapping

import pandas as pd

from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    head_name,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import NO_ROLE, UNDECIDED, Results
from head_patching.reporting.tabular import (
    COMPARISONS,
    condition_text,
    criterion_name,
    interval_cell,
    tabular,
)

# What a page has room for: heads with a role, undecided heads, effects of one of these.
MOST_WITH_ROLE = 24
MOST_UNDECIDED = 6
LARGEST_EFFECTS = 2


def roles_table(results: Results) -> str:
    """How many heads have each role, and which; strongest denoising effect first.

    With the mean pairwise Jaccard index of the role's heads over resamples, and the
    heads that the literature gives the role in its own model, by layer.
    """
    published = results.published_roles.sort_values(["layer", "head"])
    order = results.heads_by_strength()
    by_head = results.roles_by_head()
    jaccard = results.role_stability.set_index("role")["jaccard"]
    rows = []
    for role in (*results.role_names, UNDECIDED, NO_ROLE):
        heads = [head for head in order if role in by_head.get(head, [])]
        shown = MISSING if role == NO_ROLE else _head_list(heads)
        stable = format_number(jaccard[role], 2) if role in jaccard else MISSING
        of_role = published[published["role"] == role]
        elsewhere = [(head.layer, head.head) for head in of_role.itertuples()]
        named = _head_list(elsewhere)
        rows.append([escape(role), str(len(heads)), stable, shown, named])
    columns = ["Role", "Heads", "Jaccard", "Which", "Published"]
    wide = r">{\raggedright\arraybackslash}p"
    specification = rf"@{{}}lrr{wide}{{5.2cm}}{wide}{{2.9cm}}@{{}}"
    return tabular(pd.DataFrame(rows, columns=columns), specification)


def role_evidence_table(results: Results, most: int = MOST_WITH_ROLE) -> str:
    """What gave each head its role: every criterion of it, with interval.

    `P` is the role's probability under resampling. Roles in circuit order; within a
    role by |denoising effect|, layer, head. At most `most` heads; the weakest are left
    out.
    """
    criteria = results.role_criteria[results.role_criteria["verdict"] == 1]
    by_head, order = results.roles_by_head(), results.role_names
    probability = results.roles.set_index(["layer", "head", "role"])["probability"]
    rows = []
    for strength, head in enumerate(results.effects_of("denoising").itertuples()):
        for role in by_head.get((head.layer, head.head), []):
            if role in (UNDECIDED, NO_ROLE):
                continue
            met = criteria[
                (criteria["layer"] == head.layer)
                & (criteria["head"] == head.head)
                & (criteria["role"] == role)
            ]
            shown = met.drop_duplicates("criterion")
            values = "; ".join(
                f"{criterion_name(row.criterion)} "
                f"{math_mode(format_number(row.value, 2))} "
                f"{interval_cell(row.ci_low, row.ci_high, 2)}"
                for row in shown.itertuples()
            )
            key = (head.layer, head.head, role)
            share = format_number(probability[key], 3)
            line = [escape(role), head_name(head.layer, head.head), share, values]
            rows.append((strength, role, line))
    rows = sorted(sorted(rows)[:most], key=lambda row: (order.index(row[1]), row[0]))
    columns = ["Role", "Head", "$P$", "Measured"]
    if not rows:
        rows = [(0, "", ["none", MISSING, MISSING, MISSING])]
    table = pd.DataFrame([row[2] for row in rows], columns=columns)
    wide = r">{\raggedright\arraybackslash}p{8.7cm}"
    return tabular(table, rf"@{{}}llr{wide}@{{}}")


def undecided_table(results: Results, most: int = MOST_UNDECIDED) -> str:
    """Important heads without a role: what they show, and what roles found missing.

    By |denoising effect| of the output, layer, head; at most `most` heads.
    """
    undecided = results.roles[results.roles["role"] == UNDECIDED]
    missing = undecided.set_index(["layer", "head"])["missing"].to_dict()
    tested = dict(list(results.role_criteria.groupby(["layer", "head"])))
    rows = []
    for head in results.effects_of("denoising").itertuples():
        key = (head.layer, head.head)
        if key in missing and len(rows) < most:
            shown = shown_text(results, *key)
            why = why_missed(tested.get(key, results.role_criteria.head(0)))
            rows.append([head_name(*key), shown, missing_text(missing[key], why)])
    if not rows:
        rows = [["none", MISSING, MISSING]]
    columns = ["Head", "Measured", "Nearest roles: not met"]
    wide = r">{\raggedright\arraybackslash}p{5.9cm}"
    return tabular(pd.DataFrame(rows, columns=columns), rf"@{{}}l{wide}{wide}@{{}}")


def shown_text(results: Results, layer: int, head: int) -> str:
    """A head by its evidence: its largest important effects, where it attends most."""
    evidence = results.evidence
    own = evidence[(evidence["layer"] == layer) & (evidence["head"] == head)]
    effects = own[own["important"] == 1]
    effects = effects.loc[effects["value"].abs().nlargest(LARGEST_EFFECTS).index]
    places = own["criterion"].str.fullmatch(r"attention\.[^.]+\.[^.]+")
    attention = own[places].nlargest(1, "value")
    parts = [
        f"{criterion_name(row.criterion)} "
        f"{math_mode(format_number(row.value, 2, sign=is_effect))} "
        f"{interval_cell(row.ci_low, row.ci_high, 2, sign=is_effect)}"
        for rows, is_effect in ((effects, True), (attention, False))
        for row in rows.itertuples()
    ]
    return "; ".join(parts) or MISSING


def why_missed(tested: pd.DataFrame) -> dict[tuple[str, str], str]:
    """By role and criterion, why one head misses it; empty where it is the size.

    Of several demands on one criterion the first that is missed counts.
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
            reason = "not told from zero"
        reasons.setdefault((row.role, row.criterion), reason)
    return reasons


def missing_text(missing: str, why: Mapping[tuple[str, str], str]) -> str:
    """What `roles.csv` says is missing, in the words of the text, as LaTeX.

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


def criteria_table(results: Results) -> str:
    """What a head must show to have each role, and how many heads do.

    Rows in the order in which the roles and their criteria were tested.
    """
    keys = ["role", "criterion", "comparison", "threshold"]
    tested = results.role_criteria
    met = tested.groupby(keys, sort=False, as_index=False).agg(
        heads=("verdict", "sum"), **_bound(tested)
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


def _bound(tested: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The threshold in the units of the value, where the file has that column."""
    return {"bound": ("bound" if "bound" in tested else "threshold", "first")}


def _head_list(heads: list[tuple[int, int]]) -> str:
    """Names of heads, or a dash when there are none."""
    return join_names([head_name(*head) for head in heads], most=24) or MISSING
