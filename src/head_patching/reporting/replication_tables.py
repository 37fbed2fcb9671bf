"""Tables of the replication: values, roles, and heads that only one side names."""

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.replication import (
    ALL_ROLES,
    FOUND,
    published_text,
    quantity_name,
)
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    head_name,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.tabular import (
    condition_text,
    criterion_name,
    interval_cell,
    tabular,
)

SIGNS = {"=": "", ">": "> ", "<": "< "}
VERDICTS = {1.0: "yes", 0.0: "no"}
TOKENS = {0: "without", 1: "with"}
SIDES = {"published": "the paper", "measured": "this chapter"}
SPACE = r"\addlinespace[2pt] "


def replication_table(results: Results) -> str:
    """Published values beside ours, the chapter's own setting first; in given order.

    A value is followed by the same of the heads that have the role here.
    """
    table = results.replication
    keys = ["criterion", "role", "heads"]
    settings = (
        table.sort_values("own", ascending=False)["prepend_bos"].unique().tolist()
    )
    rows = []
    for _, of_both in table.groupby(keys, sort=False):
        first = of_both.iloc[0]
        found = first["heads"] == FOUND
        shown = f"{SIGNS[first['comparison']]}{published_text(first['published'])}"
        rows.append(
            [
                r"\quad of heads found here" if found else heading(first),
                "" if found else math_mode(shown),
                *(cell for bos in settings for cell in value_cells(of_both, bos)),
            ]
        )
    columns = ["Quantity", "Published"]
    for number, bos in enumerate(settings):
        pad = " " * number  # headings may not be equal
        columns += [f"{TOKENS[bos].capitalize()}", f"interval{pad}", f"agrees{pad}"]
    if not rows:
        rows, columns = [["none", MISSING]], columns[:2]
    wide = r">{\raggedright\arraybackslash}p{4.6cm}"
    setting = r"r@{\hspace{0.4em}}ll"
    frame = pd.DataFrame(rows, columns=columns)
    return tabular(frame, f"@{{}}{wide}r{setting * len(settings)}@{{}}")


def heading(row: pd.Series) -> str:
    """A quantity, and of how many heads it is the mean."""
    name = quantity_name(row)
    return f"{name}, {row['n_heads']} heads" if row["heads"] == "published" else name


def value_cells(of_both: pd.DataFrame, bos: int) -> list[str]:
    """Value, interval and verdict in one setting; of heads found here, how many."""
    row = of_both[of_both["prepend_bos"] == bos].iloc[0]
    if pd.isna(row["value"]):
        return [MISSING, "no heads", ""]
    verdict = VERDICTS.get(row["agrees"], MISSING)
    n_heads = f" ({row['n_heads']})" if row["heads"] == FOUND else ""
    return [
        math_mode(format_number(row["value"])) + n_heads,
        interval_cell(row["ci_low"], row["ci_high"], 2),
        verdict,
    ]


def role_agreement_table(results: Results) -> str:
    """Published roles against those found; the own setting first, then as published."""
    table = results.role_agreement.sort_values("own", ascending=False, kind="stable")
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
    return tabular(frame, r"@{}llrrrrrr@{\hspace{0.4em}}l@{}")


def role_disagreements_table(results: Results, most: int = 24) -> str:
    """Heads to which only one side gives a role, in the own setting.

    By side, then role as published, layer and head; at most `most` of them.
    """
    table = results.role_disagreements
    table = table[table["own"] == 1]
    order = [role for role in results.role_agreement["role"] if role != ALL_ROLES]
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
    """The demands of a role that a head does not meet, each with its value."""
    failed = verdicts[verdicts["verdict"] == 0]
    parts = [
        f"{criterion_name(row.criterion)} {math_mode(format_number(row.value))} "
        f"({condition_text(row.comparison, row.threshold)})"
        for row in failed.itertuples()
    ]
    return "; ".join(parts) or MISSING
