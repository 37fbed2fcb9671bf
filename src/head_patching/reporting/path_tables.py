"""Tables of effects along paths, after knock-outs, and of signals."""

import pandas as pd

from head_patching.reporting.rounding import (
    EFFECT_DIGITS,
    MISSING,
    escape,
    format_number,
    head_name,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import NO_ROLE, Results
from head_patching.reporting.tabular import (
    PATHS,
    cell,
    criterion_name,
    interval_cell,
    number_column,
    paths_among,
    tabular,
)

KNOCKED_OUT = ("knocked_out.effect", "knocked_out.interaction")


# Of each kind of path, in the table.
MOST_SENDERS = 5


def paths_table(results: Results, most: int = MOST_SENDERS) -> str:
    """The strongest important senders of each kind of path, with intervals."""
    by_head, rows, effects = results.roles_by_head(), [], []
    for criterion in paths_among(results.evidence["criterion"]):
        role = PATHS.get(criterion, (None, ""))[0]
        ranked = results.evidence_of(criterion)
        strong = ranked[ranked["important"] == 1].head(most)
        ends = [
            head_name(*head) for head, roles in sorted(by_head.items()) if role in roles
        ]
        name = criterion_name(criterion)
        if role is not None:
            name += f" ({join_names(ends) or 'no such head'})"
        for number, row in enumerate(strong.itertuples()):
            effects.append(row.value)
            rows.append(
                [
                    name if number == 0 else "",
                    head_name(row.layer, row.head),
                    role_names(by_head.get((row.layer, row.head), [])),
                    cell(row.value, EFFECT_DIGITS, sign=True),
                    interval_cell(row.ci_low, row.ci_high, EFFECT_DIGITS, sign=True),
                ]
            )
        if strong.empty:
            dash = "{--}"
            rows.append([name, MISSING, "no important sender", dash, MISSING])
    return effect_table(["Path", "Sender", "Role", "Effect", "Interval"], rows, effects)


def knock_out_table(results: Results, most: int = 10) -> str:
    """Heads whose effect at END changes most when others are knocked out."""
    by_head, rows, gains = results.roles_by_head(), [], []
    effect, gain = (
        results.evidence_of(name).set_index(["layer", "head"]) for name in KNOCKED_OUT
    )
    for head, row in gain[gain["important"] == 1].head(most).iterrows():
        without = effect.loc[head]
        within = without["value"] - row["value"]
        gains.append(row["value"])
        rows.append(
            [
                head_name(*head),
                role_names(by_head.get(head, [])),
                math_mode(format_number(within, EFFECT_DIGITS, sign=True)),
                effect_cell(without),
                cell(row["value"], EFFECT_DIGITS, sign=True),
                interval_cell(row["ci_low"], row["ci_high"], EFFECT_DIGITS, sign=True),
            ]
        )
    if not rows:
        rows = [["none", MISSING, MISSING, MISSING, "{--}", MISSING]]
    columns = ["Head", "Role", "In place", "Knocked out", "Gain", "Interval"]
    return effect_table(columns, rows, gains)


def signals_table(results: Results) -> str:
    """What single heads tell those that a step ends at, signal by signal."""
    criteria = signals_among(results)
    tables = [
        results.evidence_of(name).set_index(["layer", "head"]) for name in criteria
    ]
    rows = []
    for head in sorted({head for table in tables for head in table.index}):
        cells = [
            effect_cell(table.loc[head]) if head in table.index else MISSING
            for table in tables
        ]
        rows.append([head_name(*head), *cells])
    if not rows:
        rows = [["none", *(MISSING for _ in criteria)]]
    names = [criterion_name(name) for name in criteria]
    form = f"@{{}}l{'r' * len(names)}@{{}}"
    return tabular(pd.DataFrame(rows, columns=["Head", *names]), form)


def signals_among(results: Results) -> list[str]:
    """The signals that a task's evidence holds, by name."""
    names = set(results.evidence["criterion"])
    return sorted(name for name in names if name.startswith("signal."))


def effect_cell(row: pd.Series) -> str:
    """An effect and its interval in one cell."""
    number = math_mode(format_number(row["value"], EFFECT_DIGITS, sign=True))
    interval = interval_cell(row["ci_low"], row["ci_high"], EFFECT_DIGITS, sign=True)
    return f"{number} {interval}"


def role_names(roles: list[str]) -> str:
    """A head's roles in a cell; a dash for none."""
    held = [role for role in roles if role != NO_ROLE]
    return escape(", ".join(held)) if held else MISSING


def effect_table(
    columns: list[str], rows: list[list[str]], effects: list[float]
) -> str:
    """Rows whose last two columns are a signed effect and its interval."""
    aligned = number_column(effects, EFFECT_DIGITS, True)
    wide = r">{\raggedright\arraybackslash}p{4.2cm}"
    first = wide if columns[0] == "Path" else "l"
    text = "l" * (len(columns) - 3)
    table = pd.DataFrame(rows, columns=columns)
    return tabular(table, rf"@{{}}{first}{text}{aligned}l@{{}}")
