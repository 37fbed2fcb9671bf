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
    role_resamples: Annotated[
        int, typer.Option(min=2, help="Resamples in which heads are classified again.")
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
    criteria: Criteria = None,
    level: Level = 0.95,
) -> None:
    """Give each head the roles whose criteria it meets, and write every verdict."""
    from head_patching.files.datasets import MEASURED, PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.patching.effects import Importance, is_important
    from head_patching.roles import stability
    from head_patching.roles.classify import classify, rows_of_roles
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.measured import (
        from_dataset,
        patching_effect,
        table_of,
    )
    from head_patching.statistics import Statistics

    required = read_criteria(criteria)
    measured = [
        each for path in evidence for each in from_dataset(read_dataset(path, MEASURED))
    ]
    measured += [patching_effect(read_dataset(path, PATCHED)) for path in patched]
    table = table_of(measured, Statistics(resamples, sign_flips, seed, level))
    importance = Importance(threshold, false_discovery_rate)
    roles, verdicts = classify(table, required, importance)
    has = stability.resampled_roles(
        measured, required, importance, role_resamples, seed
    )
    names = list(rows_of_roles(required))
    shares = stability.probabilities(has, names)
    important = is_important(table["value"], table["q_value"], importance)
    table["important"] = important.astype(int)
    write_table("evidence", out_evidence, table)
    write_table("role_criteria", out_criteria, verdicts)
    write_table("role_stability", out_stability, stability.stability(has, names))
    write_table("roles", out, roles.merge(shares, "left", ["layer", "head", "role"]))
