"""Groups of heads that may do one job: what they do together, and each alone."""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import (
    Numbers,
    counted_pairs,
    effect_text,
    flag,
    interval_text,
    number_word,
    slug,
)
from head_patching.reporting.rounding import (
    MISSING,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.select import roles_by_head
from head_patching.reporting.tabular import (
    PATHS,
    effect_cell,
    question_text,
    stage_name,
    tabular,
)
from head_patching.terms import (
    CAN_REPLACE,
    has_role,
    head_name,
    heads_named,
)

QUESTION = ["corruption", "direction", "silenced"]

# Stages of the tasks that the text is about, in the order of tracing.
STAGES = [name.replace("path.", "stage.") for name, (role, _) in PATHS.items() if role]


def shown_groups(head_groups: pd.DataFrame) -> pd.DataFrame:
    """Of each stage the questions whose joint effect matters, the largest effect first.

    Effects that work against the answer come last. If none matters, the question of the
    largest. Stages in the order of tracing, then by name.
    """
    known = {stage: number for number, stage in enumerate(STAGES)}
    ordered = head_groups.assign(
        stage_number=head_groups["stage"].map(known).fillna(len(known)),
    ).sort_values(
        ["stage_number", "stage", "matters", "joint", *QUESTION],
        ascending=[True, True, False, False, True, True, True],
    )
    shown = (ordered["matters"] == 1) | ~ordered.duplicated("stage")
    return ordered.loc[shown, head_groups.columns].reset_index(drop=True)


def redundant_groups(head_groups: pd.DataFrame) -> pd.DataFrame:
    """One row for each group whose heads can replace one another.

    One question that says so is enough, since heads that replace one another in what
    they say may add up when they say something wrong. Of several, the one of largest
    joint effect; one that works against the answer does no job.
    """
    shown = shown_groups(head_groups)
    helps = (shown["matters"] == 1) & (shown["joint"] > 0)
    redundant = shown[helps & shown["label"].isin(CAN_REPLACE)]
    return redundant.drop_duplicates("stage").reset_index(drop=True)


@numbers
def group_numbers(head_groups: pd.DataFrame) -> Numbers:
    """What the group of each stage does together, and whether heads are redundant."""
    redundant = redundant_groups(head_groups)
    found = {
        "groups/measured": flag(len(head_groups)),
        "groups/redundant/n-words": number_word(len(redundant)),
        "groups/redundant/found": flag(len(redundant)),
        "groups/redundant/one": flag(len(redundant) == 1),
    }
    shown = shown_groups(head_groups)
    for stage in dict.fromkeys([*STAGES, *shown["stage"]]):
        key = f"groups/{slug(stage.removeprefix('stage.'))}"
        rows = redundant[redundant["stage"] == stage]
        found[f"{key}/redundant"] = flag(len(rows))
        if rows.empty:
            rows = shown[shown["stage"] == stage]
        found |= numbers_of(key, next(rows.itertuples(), None))
    return found


def numbers_of(key: str, row: object) -> Numbers:
    """The numbers of one group; dashes and no heads without one."""
    heads = heads_named(row.heads) if row else []
    several = len(heads) > 1
    texts = ("joint", "joint-interval", "alone", "alone-interval", "question", "label")
    found = counted_pairs(key, heads)
    found |= counted_pairs(
        f"{key}/receivers", heads_named(row.receivers) if row else []
    )
    found |= {
        f"{key}/several": flag(several),
        f"{key}/matters": flag(several and row.matters == 1),
        f"{key}/through-candidates": flag(row and row.found == 0),
    }
    if not row:
        return found | {f"{key}/{name}": MISSING for name in (*texts, "probability")}
    said = (
        effect_text(row.joint),
        interval_text(row.joint_low, row.joint_high),
        effect_text(row.alone),
        interval_text(row.alone_low, row.alone_high),
        question_text(row),
        row.label,
        math_mode(format_number(row.probability, 2)),
    )
    return found | {
        f"{key}/{name}": text
        for name, text in zip((*texts, "probability"), said, strict=True)
    }


def members_text(names: str, roles: pd.DataFrame) -> str:
    """The heads of a group that have a role, and how many other candidates there are.

    Parameters
    ----------
    names
        Of all heads of the group, joined by `+`.
    roles
        Of all heads.
    """
    heads, by_head = heads_named(names), roles_by_head(roles)
    with_role = [
        head_name(*head) for head in heads if any(map(has_role, by_head.get(head, [])))
    ]
    n_others = len(heads) - len(with_role)
    if n_others == 0:
        return join_names(with_role, most=len(heads))
    candidates = f"candidate{'' if n_others == 1 else 's'}"
    if not with_role:
        return f"{number_word(n_others)} {candidates}"
    others = f"{number_word(n_others)} other {candidates}"
    return f"{', '.join(with_role)} and {others}"


@latex_table
def groups_table(head_groups: pd.DataFrame, roles: pd.DataFrame) -> str:
    """What the heads of each stage do together and one by one, by every question.

    Questions as `shown_groups` gives them; a group of one head has no row.
    """
    rows, previous = [], ""
    for row in shown_groups(head_groups).query("n_heads > 1").itertuples():
        heads = members_text(row.heads, roles)
        kind = "" if row.found else "candidates "
        ends = f"{stage_name(row.stage)} ({kind}{join_names(row.receivers.split('+'))})"
        verdict = row.label
        if row.matters == 1:
            verdict += f" ({math_mode(format_number(row.probability, 2))})"
        rows.append(
            [
                f"{heads}, on {ends}" if row.stage != previous else "",
                question_text(row),
                effect_cell(row.joint, row.joint_low, row.joint_high, 2),
                effect_cell(row.alone, row.alone_low, row.alone_high, 2),
                verdict,
            ]
        )
        previous = row.stage
    columns = ["Heads", "Question", "Together", "Sum of each alone", "Verdict ($P$)"]
    if not rows:
        rows = [["none", *[MISSING] * (len(columns) - 1)]]
    wide = r">{\raggedright\arraybackslash}p"
    form = rf"@{{}}{wide}{{3.7cm}}{wide}{{2.5cm}}ll{wide}{{1.9cm}}@{{}}"
    return tabular(pd.DataFrame(rows, columns=columns), form)
