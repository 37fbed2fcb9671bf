"""Effects along paths, effects after a knock-out, and the signals that heads send."""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import (
    Numbers,
    counted,
    effect_text,
    flag,
    interval_text,
    slug,
)
from head_patching.reporting.rounding import (
    EFFECT_DIGITS,
    MISSING,
    escape,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.select import evidence_of, roles_by_head
from head_patching.reporting.tabular import (
    PATHS,
    cell,
    criterion_name,
    effect_cell,
    interval_cell,
    number_column,
    paths_among,
    tabular,
)
from head_patching.terms import NO_ROLE, head_name

KNOCKED_OUT = ("knocked_out.effect", "knocked_out.interaction")

MOST_SENDERS = 5  # of each kind of path, in the table


@numbers
def path_numbers(evidence: pd.DataFrame) -> Numbers:
    """The strongest head of each kind of evidence along paths, and which count."""
    found: Numbers = {}
    signals = signals_among(evidence)
    for criterion in (*paths_among(evidence["criterion"]), *KNOCKED_OUT, *signals):
        key = key_of(criterion)
        heads = evidence_of(evidence, criterion)
        found[f"{key}/measured"] = flag(not heads.empty)
        found |= counted(f"{key}/important", heads[heads["important"] == 1])
        top = next(heads.itertuples(), None)
        found[f"{key}/top-head"] = head_name(top.layer, top.head) if top else MISSING
        found[f"{key}/top-effect"] = effect_text(top.value) if top else MISSING
        found[f"{key}/top-interval"] = (
            interval_text(top.ci_low, top.ci_high) if top else MISSING
        )
    sums = {name: evidence_of(evidence, name)["value"].sum() for name in signals}
    for name, value in sums.items():
        found[f"{key_of(name)}-is-larger"] = flag(value == max(sums.values()))
    return found


def key_of(criterion: str) -> str:
    """The first part of the keys of a criterion.

    Examples
    --------
    >>> key_of("path.induction_keys")
    'evidence/path/induction-keys'
    """
    return f"evidence/{slug(criterion.replace('.', '/'))}"


def signals_among(evidence: pd.DataFrame) -> list[str]:
    """The criteria that are signals, by name."""
    names = set(evidence["criterion"])
    return sorted(name for name in names if name.startswith("signal."))


@latex_table
def paths_table(
    evidence: pd.DataFrame,
    roles: pd.DataFrame,
    head_groups: pd.DataFrame,
    most: int = MOST_SENDERS,
) -> str:
    """The strongest important senders of each kind of path, with intervals.

    In brackets the receivers: heads with their role, or else its candidates.
    """
    by_head, rows, effects = roles_by_head(roles), [], []
    through = head_groups[head_groups["found"] == 0].set_index("stage")["receivers"]
    for criterion in paths_among(evidence["criterion"]):
        role = PATHS.get(criterion, (None, ""))[0]
        senders = evidence_of(evidence, criterion)
        strong = senders[senders["important"] == 1].head(most)
        receivers = [
            head_name(*head) for head, named in sorted(by_head.items()) if role in named
        ]
        name = criterion_name(criterion)
        stage = criterion.replace("path.", "stage.")
        if not receivers and stage in through:
            candidates = through[[stage]].iloc[0].split("+")
            name += f" (candidates {join_names(candidates)})"
        elif role is not None:
            name += f" ({join_names(receivers) or 'no such head'})"
        for number, row in enumerate(strong.itertuples()):
            effects.append(row.value)
            rows.append(
                [
                    name if number == 0 else "",
                    head_name(row.layer, row.head),
                    roles_cell(by_head.get((row.layer, row.head), [])),
                    cell(row.value, EFFECT_DIGITS, sign=True),
                    interval_cell(row.ci_low, row.ci_high, EFFECT_DIGITS, sign=True),
                ]
            )
        if strong.empty:
            rows.append([name, MISSING, "no important sender", "{--}", MISSING])
    wide = r">{\raggedright\arraybackslash}p{4.2cm}"
    columns = ["Path", "Sender", "Role", "Effect", "Interval"]
    column = number_column(effects, EFFECT_DIGITS, sign=True)
    table = pd.DataFrame(rows, columns=columns)
    return tabular(table, rf"@{{}}{wide}ll{column}l@{{}}")


@latex_table
def knock_out_table(evidence: pd.DataFrame, roles: pd.DataFrame, most: int = 10) -> str:
    """Heads whose effect at END changes most when others are knocked out."""
    by_head, rows, gains = roles_by_head(roles), [], []
    effect, gain = (
        evidence_of(evidence, name).set_index(["layer", "head"]) for name in KNOCKED_OUT
    )
    for head, row in gain[gain["important"] == 1].head(most).iterrows():
        without = effect.loc[head]
        within = without["value"] - row["value"]
        gains.append(row["value"])
        rows.append(
            [
                head_name(*head),
                roles_cell(by_head.get(head, [])),
                math_mode(format_number(within, EFFECT_DIGITS, sign=True)),
                measured_cell(without),
                cell(row["value"], EFFECT_DIGITS, sign=True),
                interval_cell(row["ci_low"], row["ci_high"], EFFECT_DIGITS, sign=True),
            ]
        )
    if not rows:
        rows = [["none", MISSING, MISSING, MISSING, "{--}", MISSING]]
    columns = ["Head", "Role", "In place", "Knocked out", "Gain", "Interval"]
    column = number_column(gains, EFFECT_DIGITS, sign=True)
    table = pd.DataFrame(rows, columns=columns)
    return tabular(table, rf"@{{}}llll{column}l@{{}}")


@latex_table
def signals_table(evidence: pd.DataFrame) -> str:
    """The effect of each signal of each head on the receivers of its step."""
    criteria = signals_among(evidence)
    tables = [
        evidence_of(evidence, name).set_index(["layer", "head"]) for name in criteria
    ]
    rows = []
    for head in sorted({head for table in tables for head in table.index}):
        cells = [
            measured_cell(table.loc[head]) if head in table.index else MISSING
            for table in tables
        ]
        rows.append([head_name(*head), *cells])
    if not rows:
        rows = [["none", *(MISSING for _ in criteria)]]
    names = [criterion_name(name) for name in criteria]
    form = f"@{{}}l{'r' * len(names)}@{{}}"
    return tabular(pd.DataFrame(rows, columns=["Head", *names]), form)


def measured_cell(row: pd.Series) -> str:
    """The effect of a row of evidence, with its interval."""
    return effect_cell(row["value"], row["ci_low"], row["ci_high"], EFFECT_DIGITS)


def roles_cell(roles: list[str]) -> str:
    """A head's roles in a cell; a dash for none."""
    named = [role for role in roles if role != NO_ROLE]
    return escape(", ".join(named)) if named else MISSING
