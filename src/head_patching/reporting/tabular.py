"""The form that all tables share: booktabs tabulars with aligned numbers."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from head_patching.reporting.rounding import (
    MISSING,
    SMALL_P,
    escape,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.terms import Role

# Between a value and its interval. (pandas cuts a column format at ; and :)
INTERVAL = r"@{\hspace{0.4em}}l"

COMPARISONS = {">=": r"\ge", "<=": r"\le"}
QUANTITIES = {
    "": "",
    "|x|": "size",
    "robust z": r"robust $z$",
    "effect": "significant,",
}

# Kinds of paths in the order in which circuits are traced: the role of the heads at
# which they end, and where they lead. Others are shown after them, by their criterion.
PATHS: dict[str, tuple[str | None, str]] = {
    "path.logits": (None, "to the logits"),
    "path.name_mover_queries": (Role.NAME_MOVER, "to name movers' queries"),
    "path.s_inhibition_values": (Role.S_INHIBITION, "to S-inhibition values"),
    "path.induction_keys": (Role.INDUCTION, "to induction keys"),
}

# What groups of heads act on, in the words of the text; others by their criterion.
STAGES = {
    "stage.name_mover_queries": "name movers' queries",
    "stage.s_inhibition_values": "S-inhibition values",
    "stage.induction_keys": "induction keys",
}

# How a corruption changes the names or words, in the words of the text; others by name.
CORRUPTIONS = {
    "abc": "unrelated names",
    "s2_io_flip": "IO at S2",
    "s2_random": "third name at S2",
    "s1_io_flip": "IO and S1 exchanged",
    "unrelated": "unrelated words",
}

# Criteria whose names alone would say too little.
CRITERIA = {
    "knocked_out.effect": "effect after knock-out",
    "knocked_out.interaction": "gain after knock-out",
    "signal.position": "position signal",
    "signal.token": "token signal",
    "signal.match": "match signal",
    "signal.place": "place signal",
}


def tabular(rows: pd.DataFrame, column_format: str) -> str:
    """The rows as a booktabs tabular that ends with a newline.

    Cells are LaTeX already; headings are put in braces where a column aligns numbers.
    """
    styler = rows.style.hide(axis="index")
    text = styler.to_latex(hrules=True, siunitx=True, column_format=column_format)
    return text.rstrip("\n") + "\n"


def number_column(values: pd.Series | list[float], digits: int, sign: bool) -> str:
    """The siunitx column that fits these numbers and prints their signs."""
    finite = [abs(value) for value in values if pd.notna(value)]
    whole = len(f"{max(finite, default=0.0):.0f}")
    plus = "retain-explicit-plus, table-format=+" if sign else "table-format="
    return f"S[{plus}{whole}.{digits}]"


def cell(value: float, digits: int, *, sign: bool = False) -> str:
    """A number for a siunitx column; a missing one is a dash that is not parsed."""
    text = format_number(value, digits, sign=sign)
    return f"{{{text}}}" if text == MISSING else text


def p_cell(p_value: float) -> str:
    """A p-value, or the bound that it is below."""
    if p_value < SMALL_P:
        return math_mode(f"<{SMALL_P:g}")
    return format_number(p_value, 3)


def interval_cell(low: float, high: float, digits: int, *, sign: bool = False) -> str:
    """An interval in math mode."""
    return math_mode(format_interval(low, high, digits, sign=sign))


def effect_cell(value: float, low: float, high: float, digits: int) -> str:
    """An effect and its interval in one cell."""
    number = math_mode(format_number(value, digits, sign=True))
    return f"{number} {interval_cell(low, high, digits, sign=True)}"


def criterion_name(criterion: str) -> str:
    """A criterion in the words of the text, as LaTeX.

    Examples
    --------
    >>> criterion_name("attention.END.IO"), criterion_name("copy_score")
    ('attention END$\\\\to$IO', 'copy score')
    """
    if criterion in CRITERIA:
        return CRITERIA[criterion]
    if criterion.startswith("path."):
        return f"path {path_target(criterion)}"
    if criterion.startswith("stage."):
        return f"effect on {stage_name(criterion)}"
    parts = criterion.split(".", 2)
    if parts[0] == "attention" and len(parts) == 3:
        return rf"attention {escape(parts[1])}$\to${escape(parts[2])}"
    if parts[0] == "effect" and len(parts) == 3:
        return escape(f"{parts[1]} effect ({parts[2]})")
    return escape(criterion.replace("_", " "))


def path_target(criterion: str) -> str:
    """Where a kind of path leads.

    Examples
    --------
    >>> path_target("path.logits"), path_target("path.mover_keys")
    ('to the logits', 'to mover keys')
    """
    words = criterion.removeprefix("path.").replace("_", " ")
    return PATHS.get(criterion, (None, f"to {words}"))[1]


def stage_name(criterion: str) -> str:
    """What the heads of a stage act on.

    Examples
    --------
    >>> stage_name("stage.induction_keys"), stage_name("stage.mover_keys")
    ('induction keys', 'mover keys')
    """
    words = criterion.removeprefix("stage.").replace("_", " ")
    return STAGES.get(criterion, escape(words))


def question_text(row: Any) -> str:
    """How heads were patched, from a row with the columns of a question, as LaTeX."""
    corruption = CORRUPTIONS.get(row.corruption, escape(row.corruption))
    parts = [row.direction, corruption]
    if row.silenced:
        parts.append(f"{join_names(row.silenced.split('+'))} silenced")
    parts.append(getattr(row, "patched", ""))
    return ", ".join(filter(None, parts))


def paths_among(criteria: Iterable[str]) -> list[str]:
    """The kinds of paths among some criteria, in the order of tracing."""
    found = {name for name in criteria if name.startswith("path.")}
    return [name for name in PATHS if name in found] + sorted(found - {*PATHS})


def condition_text(comparison: str, threshold: float) -> str:
    r"""A criterion's condition as LaTeX: `|x| >=` and 0.5 give size $\ge 0.5$."""
    quantity, _, sign = comparison.rpartition(" ")
    bound = rf"${COMPARISONS[sign]} {threshold:g}$"
    return f"{QUANTITIES[quantity]} {bound}".strip()


def breakable(checksum: str, every: int = 16) -> str:
    """A checksum in typewriter that may be broken between its parts."""
    parts = [checksum[i : i + every] for i in range(0, len(checksum), every)]
    broken = r"\allowbreak ".join(parts)
    return rf"\texttt{{{broken}}}"
