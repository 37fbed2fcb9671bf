"""Published values of the model beside measured ones: numbers and a table.

Keys name the setting of the begin-of-sequence token: `own` is that of the whole
chapter, `other` the other one. Every model has all keys; of a model that nobody
described `replication/present` is false and values are dashes.
"""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, flag, number_word
from head_patching.reporting.role_agreement import (
    TOKENS,
    agreement_numbers,
    difference_numbers,
)
from head_patching.reporting.rounding import (
    MISSING,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.tabular import (
    INTERVAL,
    criterion_name,
    interval_cell,
    tabular,
)
from head_patching.terms import Role

SETTINGS = {"own": 1, "other": 0}
SIGNS = {"=": "", ">": "> ", "<": "< "}
VERDICTS = {1.0: "yes", 0.0: "no"}

# Rows about the heads that have the role here; all others are about published heads.
FOUND = "found"

# Values in the text: key -> criterion and role of the row.
QUOTED = {
    "logit-diff": ("logit_diff", ""),
    "accuracy": ("accuracy", ""),
    "probability": ("probability", ""),
    "name-movers": ("attention.END.IO", Role.NAME_MOVER),
    "s-inhibition": ("attention.END.S2", Role.S_INHIBITION),
    "copying": ("copy_score", Role.NAME_MOVER),
}


@numbers
def replication_numbers(
    replication: pd.DataFrame,
    role_agreement: pd.DataFrame,
    role_disagreements: pd.DataFrame,
) -> Numbers:
    """Published values, ours with intervals, and the agreement of roles."""
    found: Numbers = {"replication/present": flag(not replication.empty)}
    own_rows = replication[replication["own"] == 1]
    for key, quantity in QUOTED.items():
        rows = of_quantity(own_rows, *quantity)
        published = rows["published"].head(1).map(published_text)
        found[f"replication/published/{key}"] = next(iter(published), MISSING)
    for setting, own in SETTINGS.items():
        values, roles, heads = (
            table[table["own"] == own]
            for table in (replication, role_agreement, role_disagreements)
        )
        found |= value_numbers(f"replication/{setting}", values)
        found |= agreement_numbers(f"replication/{setting}/roles", roles)
        found |= difference_numbers(f"replication/{setting}/roles", heads)
    return found


def value_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """How many published values agree in one setting, which do not, some of ours."""
    published = rows[(rows["heads"] != FOUND) & rows["agrees"].notna()]
    outside = published[published["agrees"] == 0]
    found = {
        f"{key}/with-bos": flag((rows["prepend_bos"] == 1).any()),
        f"{key}/n-compared": number_word(len(published)),
        f"{key}/n-agree": number_word(int(published["agrees"].sum())),
        f"{key}/all-agree": flag(outside.empty),
        f"{key}/outside": join_names(
            [quantity_name(row) for row in outside.itertuples()]
        )
        or MISSING,
    }
    for name, quantity in QUOTED.items():
        of_both = of_quantity(rows, *quantity)
        is_found = of_both["heads"] == FOUND
        found |= quoted(f"{key}/{name}", of_both[~is_found])
        found |= quoted(f"{key}/{name}/of-found", of_both[is_found])
    return found


def of_quantity(rows: pd.DataFrame, criterion: str, role: str) -> pd.DataFrame:
    """The rows of one published quantity."""
    return rows[(rows["criterion"] == criterion) & (rows["role"] == role)]


def quoted(key: str, rows: pd.DataFrame) -> Numbers:
    """One value with its interval; dashes where it was not measured."""
    measured = rows.dropna(subset=["value"])
    if measured.empty:
        found = {key: MISSING, f"{key}-interval": MISSING}
        return found | {f"{key}/measured": flag(False)}
    row = measured.iloc[0]
    return {
        key: math_mode(format_number(row["value"])),
        f"{key}-interval": math_mode(format_interval(row["ci_low"], row["ci_high"])),
        f"{key}/measured": flag(True),
    }


def quantity_name(row: object) -> str:
    """A published quantity in the words of the text, as LaTeX.

    Examples
    --------
    >>> row = pd.Series({"criterion": "copy_score", "role": "name mover"})
    >>> quantity_name(row)
    'copy score (name mover)'
    """
    names = {
        "logit_diff": "logit difference",
        "accuracy": "accuracy",
        "probability": "P(answer)",
    }
    name = names.get(row.criterion) or criterion_name(row.criterion)
    return f"{name} ({row.role})" if row.role else name


def published_text(value: float) -> str:
    """A published value with as many digits as were published, two at least."""
    return format_number(value, 2 if round(value, 2) == value else 3)


@latex_table
def replication_table(replication: pd.DataFrame) -> str:
    """Published values beside ours, the chapter's own setting first; in given order.

    A value of published heads is followed by that of the heads that have the role here.
    """
    keys = ["criterion", "role", "heads"]
    own_first = replication.sort_values("own", ascending=False)
    settings = own_first["prepend_bos"].unique().tolist()
    rows = []
    for _, of_both in replication.groupby(keys, sort=False):
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
    setting = f"r{INTERVAL}l"
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
