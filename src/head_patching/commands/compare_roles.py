"""head-patching compare-roles: roles measured here against a published list."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Level, Out, Resamples, Seed


def compare_roles(
    roles: Annotated[Path, typer.Option(metavar="CSV", help="Roles (classify-roles).")],
    role_criteria: Annotated[
        Path, typer.Option(metavar="CSV", help="Verdicts (classify-roles).")
    ],
    out: Out,
    out_disagreements: Annotated[
        Path, typer.Option(metavar="FILE", help="Heads on which the two differ.")
    ],
    resamples: Resamples = 2000,
    seed: Seed = 0,
    level: Level = 0.95,
) -> None:
    """Compare roles with those that Wang et al. 2022 give to heads of GPT-2 small."""
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_csv
    from head_patching.roles import agreement, published
    from head_patching.statistics import Statistics

    found = read_table("roles", roles)
    criteria = read_table("role_criteria", role_criteria)
    table = agreement.agreement(
        found, published.ROLES, Statistics(resamples, seed=seed, level=level)
    )
    write_csv(
        out_disagreements, agreement.disagreements(found, criteria, published.ROLES)
    )
    write_csv(out, table)
