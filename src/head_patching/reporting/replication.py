"""Numbers of the replication: what is published of the model, beside what was measured.

Keys say which setting of the begin-of-sequence token is meant: `own` is that of the
whole chapter, `other` the other one. They are there for every model; of one that nobody
described `replication/present` is false and values are dashes.
"""

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.head_numbers import Numbers, counted, flag, number_word
from head_patching.reporting.rounding import (
    MISSING,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.tabular import criterion_name

SIDES = {"own": 1, "other": 0}
# Rows of heads that have the role here; all others are of heads that are published.
FOUND = "found"
ALL_ROLES = "all roles"

# What the text quotes: key -> criterion and role of the row.
QUOTED = {
    "logit-diff": ("logit_diff", ""),
    "accuracy": ("accuracy", ""),
    "probability": ("probability", ""),
    "name-movers": ("attention.END.IO", "name mover"),
    "s-inhibition": ("attention.END.S2", "S-inhibition"),
    "copying": ("copy_score", "name mover"),
}


def replication_numbers(results: Results) -> Numbers:
    """Published values, ours with intervals, and the agreement of roles."""
    numbers: Numbers = {"replication/present": flag(not results.replication.empty)}
    own_rows = results.replication[results.replication["own"] == 1]
    for key, quantity in QUOTED.items():
        rows = of_quantity(own_rows, *quantity)
        published = rows["published"].head(1).map(published_text)
        numbers[f"replication/published/{key}"] = next(iter(published), MISSING)
    for side, own in SIDES.items():
        values = results.replication[results.replication["own"] == own]
        numbers |= value_numbers(f"replication/{side}", values)
        roles = results.role_agreement[results.role_agreement["own"] == own]
        numbers |= agreement_numbers(f"replication/{side}/roles", roles)
        heads = results.role_disagreements
        numbers |= difference_numbers(
            f"replication/{side}/roles", heads[heads["own"] == own]
        )
    return numbers


def value_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """How many published values agree in one setting, which do not, some of ours."""
    published = rows[(rows["heads"] != FOUND) & rows["agrees"].notna()]
    outside = published[published["agrees"] == 0]
    numbers = {
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
        numbers |= quoted(f"{key}/{name}", of_both[~is_found])
        numbers |= quoted(f"{key}/{name}/of-found", of_both[is_found])
    return numbers


def of_quantity(rows: pd.DataFrame, criterion: str, role: str) -> pd.DataFrame:
    """The rows of one published quantity."""
    return rows[(rows["criterion"] == criterion) & (rows["role"] == role)]


def quoted(key: str, rows: pd.DataFrame) -> Numbers:
    """One value with its interval, dashes where there is none."""
    measured = rows.dropna(subset=["value"])
    if measured.empty:
        numbers = {key: MISSING, f"{key}-interval": MISSING}
        return numbers | {f"{key}/measured": flag(False)}
    row = measured.iloc[0]
    return {
        key: math_mode(format_number(row["value"])),
        f"{key}-interval": math_mode(format_interval(row["ci_low"], row["ci_high"])),
        f"{key}/measured": flag(True),
    }


def agreement_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """Precision, recall and kappa over all roles of one setting."""
    names = ("precision", "recall", "kappa")
    over_all = rows[rows["role"] == ALL_ROLES]
    if over_all.empty:
        shown = (*names, "kappa-interval", "n-published", "n-found", "n-both")
        return {f"{key}/{name}": MISSING for name in shown}
    row = over_all.iloc[0]
    numbers = {f"{key}/{name}": math_mode(format_number(row[name])) for name in names}
    interval = format_interval(row["kappa_low"], row["kappa_high"])
    numbers[f"{key}/kappa-interval"] = math_mode(interval)
    for name in ("published", "found", "both"):
        numbers[f"{key}/n-{name}"] = str(int(row[name]))
    return numbers


def difference_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """The heads to which only one side gives a role."""
    numbers: Numbers = {}
    for name, side in (("missed", "published"), ("added", "measured")):
        heads = rows[rows["side"] == side].drop_duplicates(HEAD)
        numbers |= counted(f"{key}/{name}", heads[HEAD])
    return numbers


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
