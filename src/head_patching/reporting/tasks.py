"""Comparison of tasks: which heads matter on both, which have a role on one only."""

from collections.abc import Mapping

import pandas as pd

from head_patching.files.pairs_file import PairsFile
from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, counted_pairs, flag, p_numbers
from head_patching.reporting.rounding import (
    MISSING,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.select import heads_by_strength, roles_by_head
from head_patching.terms import DIRECTIONS, Role

# The tasks that the chapter has a section about; it can be built without either.
TASKS = FIRST, SECOND = "ioi", "induction"

SIGNIFICANT = 0.05


@numbers
def task_numbers(pairs_by_task: Mapping[str, PairsFile]) -> Numbers:
    """Which of the tasks that the text is about were run."""
    return {f"tasks/{task}": flag(task in pairs_by_task) for task in TASKS}


@numbers
def elsewhere_numbers(
    effects_by_task: Mapping[str, pd.DataFrame],
    roles_by_task: Mapping[str, pd.DataFrame],
) -> Numbers:
    """Heads that are induction heads on the first task and not on the second.

    Nothing without one of the tasks.
    """
    if not {*TASKS} <= {*roles_by_task}:
        return {}
    of_first, of_second = (
        {
            head
            for head, own_roles in roles_by_head(roles_by_task[task]).items()
            if Role.INDUCTION in own_roles
        }
        for task in TASKS
    )
    order = heads_by_strength(effects_by_task[FIRST])
    heads = [head for head in order if head in of_first - of_second]
    return counted_pairs(f"{SECOND}/elsewhere", heads)


@numbers
def overlap_numbers(overlap: pd.DataFrame) -> Numbers:
    """The overlap of the first two tasks' important heads, in both directions."""
    found = {"overlap/present": flag(not overlap.empty)}
    for direction in DIRECTIONS:
        rows = overlap[overlap["direction"] == direction]
        key = f"overlap/{direction}"
        found |= _missing(key) if rows.empty else _overlap(key, rows.iloc[0])
    return found


def _overlap(key: str, row: pd.Series) -> Numbers:
    """The numbers of one row."""
    heads = row["heads"].split()
    return {
        f"{key}/n-first": str(int(row["n_first"])),
        f"{key}/n-second": str(int(row["n_second"])),
        f"{key}/shared": str(int(row["shared"])),
        f"{key}/any": flag(heads),
        f"{key}/heads": join_names(heads, most=20),
        f"{key}/expected": format_number(row["expected"], 1),
        f"{key}/more-than-chance": flag(row["p_value"] < SIGNIFICANT),
        f"{key}/jaccard": math_mode(format_number(row["jaccard"], 2)),
        f"{key}/interval": math_mode(format_interval(row["ci_low"], row["ci_high"], 2)),
    } | p_numbers(key, row["p_value"])


def _missing(key: str) -> Numbers:
    """Dashes for the keys of a comparison that was not made: the text has them all."""
    names = ("n-first", "n-second", "shared", "heads", "expected", "p-value")
    found = {f"{key}/{name}": MISSING for name in (*names, "jaccard", "interval")}
    flags = ("any", "p-is-small", "more-than-chance")
    return found | {f"{key}/{name}": flag(False) for name in flags}
