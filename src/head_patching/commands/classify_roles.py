"""head-patching classify-roles: from evidence to a role for each head."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import (
    Criteria,
    Level,
    Out,
    Patched,
    Rate,
    Resamples,
    RoleResamples,
    Seed,
    SignFlips,
    Threshold,
)


def classify_roles(
    patched: Patched,
    evidence: Annotated[
        list[Path],
        typer.Option(
            metavar="NC", help="Evidence (measure-evidence, trace-paths); repeated."
        ),
    ],
    threshold: Threshold,
    false_discovery_rate: Rate,
    resamples: Resamples,
    sign_flips: SignFlips,
    role_resamples: RoleResamples,
    task: Annotated[str, typer.Option(help="Name of the task.")],
    groups: Annotated[
        Path, typer.Option(metavar="NC", help="Groups of heads (trace-paths).")
    ],
    redundant_below: Annotated[
        float,
        typer.Option(min=0, help="Largest single part of the effect of stand-ins."),
    ],
    necessary_above: Annotated[
        float,
        typer.Option(min=0, help="Smallest single part where each counts for all."),
    ],
    seed: Seed,
    out: Out,
    out_criteria: Annotated[
        Path, typer.Option(metavar="FILE", help="Every verdict behind the roles.")
    ],
    out_evidence: Annotated[
        Path, typer.Option(metavar="FILE", help="Every measurement with its interval.")
    ],
    out_stability: Annotated[
        Path, typer.Option(metavar="FILE", help="How alike the role sets are.")
    ],
    out_groups: Annotated[
        Path, typer.Option(metavar="FILE", help="Groups of heads, with their effects.")
    ],
    out_members: Annotated[
        Path, typer.Option(metavar="FILE", help="What each head of a group does.")
    ],
    criteria: Criteria = None,
    level: Level = 0.95,
) -> None:
    """Give each head the roles whose criteria it meets, and write every verdict."""
    from head_patching.files.datasets import GROUPS, MEASURED, PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.patching.effects import Importance, is_important
    from head_patching.roles import group_tables, stability
    from head_patching.roles.classify import classify, rows_of_roles
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.draws import Draws
    from head_patching.roles.measured import (
        from_dataset,
        patching_effect,
        table_of,
    )
    from head_patching.roles.retrace import judge_paths
    from head_patching.statistics import Statistics
    from head_patching.tasks import find_task

    required = read_criteria(criteria)
    measured = [
        each for path in evidence for each in from_dataset(read_dataset(path, MEASURED))
    ]
    measured += [patching_effect(read_dataset(path, PATCHED)) for path in patched]
    found = [each for each in measured if not each.retraced]
    statistics = Statistics(resamples, sign_flips, seed, level)
    table = table_of(found, statistics)
    importance = Importance(threshold, false_discovery_rate)
    roles, verdicts = classify(table, required, importance)
    first = [each for each in found if not each.given]
    draws = Draws.of(first, required, importance, role_resamples, seed)
    left_over = judge_paths(
        draws, find_task(task).tracing, [each for each in measured if each.given]
    )
    has, names = draws.roles(), list(rows_of_roles(required))
    shares = stability.probabilities(has, names)
    important = is_important(table["value"], table["q_value"], importance)
    table["important"] = important.astype(int)
    labels = group_tables.Labels(redundant_below, necessary_above)
    of_groups, of_members = group_tables.group_tables(
        read_dataset(groups, GROUPS), labels, statistics
    )
    write_table("evidence", out_evidence, table)
    write_table("role_criteria", out_criteria, verdicts)
    write_table(
        "role_stability",
        out_stability,
        stability.stability(has, names, stability.unjudged(required, left_over)),
    )
    write_table("head_groups", out_groups, of_groups)
    write_table("group_members", out_members, of_members)
    roles = roles.merge(shares, "left", ["layer", "head", "role"])
    roles["receivers"] = stability.receivers(roles["role"], required, of_groups)
    write_table("roles", out, roles)
