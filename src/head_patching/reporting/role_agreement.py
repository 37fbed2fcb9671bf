"""Published roles of the model beside those found: agreement and differences."""

import pandas as pd

from head_patching.reporting.discovery import latex_table
from head_patching.reporting.keys import Numbers, counted
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_interval,
    format_number,
    math_mode,
)
from head_patching.reporting.tabular import (
    INTERVAL,
    condition_text,
    criterion_name,
    interval_cell,
    tabular,
)
from head_patching.terms import HEAD, POOLED, head_name

TOKENS = {0: "without", 1: "with"}
SIDES = {"published": "the paper", "measured": "this chapter"}
SPACE = r"\addlinespace[2pt] "


def agreement_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """Precision, recall and kappa over all roles of one setting."""
    names = ("precision", "recall", "kappa")
    pooled = rows[rows["role"] == POOLED]
    if pooled.empty:
        shown = (*names, "kappa-interval", "n-published", "n-found", "n-both")
        return {f"{key}/{name}": MISSING for name in shown}
    row = pooled.iloc[0]
    found = {f"{key}/{name}": math_mode(format_number(row[name])) for name in names}
    interval = format_interval(row["kappa_low"], row["kappa_high"])
    found[f"{key}/kappa-interval"] = math_mode(interval)
    for name in ("published", "found", "both"):
        found[f"{key}/n-{name}"] = str(int(row[name]))
    return found


def difference_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """The heads to which only one side gives a role."""
    found: Numbers = {}
    for name, side in (("missed", "published"), ("added", "measured")):
        heads = rows[rows["side"] == side].drop_duplicates(HEAD)
        found |= counted(f"{key}/{name}", heads[HEAD])
    return found


@latex_table
def role_agreement_table(role_agreement: pd.DataFrame) -> str:
    """Published roles against those found; the own setting first, then as published."""
    table = role_agreement.sort_values("own", ascending=False, kind="stable")
    rows, previous = [], None
    for row in table.itertuples():
        token = "" if row.prepend_bos == previous else TOKENS[row.prepend_bos]
        space = SPACE if token and previous is not None else ""
        rows.append(
            [
                space + token,
                escape(row.role),
                *(str(int(n)) for n in (row.published, row.found, row.both)),
                *(math_mode(format_number(n)) for n in (row.precision, row.recall)),
                math_mode(format_number(row.kappa)),
                interval_cell(row.kappa_low, row.kappa_high, 2),
            ]
        )
        previous = row.prepend_bos
    columns = ["Token", "Role", "Published", "Found", "Both", "Precision", "Recall"]
    columns += [r"$\kappa$", "interval"]
    if not rows:
        rows = [["none", *[MISSING] * (len(columns) - 1)]]
    frame = pd.DataFrame(rows, columns=columns)
    return tabular(frame, rf"@{{}}llrrrrrr{INTERVAL}@{{}}")


@latex_table
def role_disagreements_table(
    role_disagreements: pd.DataFrame, role_agreement: pd.DataFrame, most: int = 24
) -> str:
    """Heads to which only one side gives a role, in the own setting.

    By side, then role as published, layer and head; at most `most` of them.
    """
    table = role_disagreements[role_disagreements["own"] == 1]
    order = [role for role in role_agreement["role"] if role != POOLED]
    place = {role: number for number, role in enumerate(dict.fromkeys(order))}
    heads = table.drop_duplicates([*HEAD, "role", "side"])
    heads = heads.assign(place=heads["role"].map(place))
    heads = heads.sort_values(["side", "place", *HEAD], ascending=[False, *[True] * 3])
    rows = []
    for row in heads.head(most).itertuples():
        own = (table["layer"] == row.layer) & (table["head"] == row.head)
        verdicts = table[own & (table["role"] == row.role)]
        name = head_name(row.layer, row.head)
        rows.append([name, escape(row.role), SIDES[row.side], not_met(verdicts)])
    if not rows:
        rows = [["none", *[MISSING] * 3]]
    frame = pd.DataFrame(rows, columns=["Head", "Role", "Given by", "Not met here"])
    wide = r">{\raggedright\arraybackslash}p{7.2cm}"
    return tabular(frame, rf"@{{}}lll{wide}@{{}}")


def not_met(verdicts: pd.DataFrame) -> str:
    """The criteria of a role that a head does not meet, each with its value."""
    failed = verdicts[verdicts["verdict"] == 0]
    parts = [
        f"{criterion_name(row.criterion)} {math_mode(format_number(row.value))} "
        f"({condition_text(row.comparison, row.threshold)})"
        for row in failed.itertuples()
    ]
    return "; ".join(parts) or MISSING
