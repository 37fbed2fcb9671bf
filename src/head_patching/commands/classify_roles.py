"""head-patching classify-roles: from evidence to a role for each head."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands.options import Effects, Out


def classify_roles(
    evidence: Annotated[
        Path, typer.Option(metavar="CSV", help="Evidence (measure-evidence).")
    ],
    effects: Effects,
    criteria: Annotated[
        Path, typer.Option(metavar="YAML", help="What each role asks of a head.")
    ],
    out: Out,
    out_criteria: Annotated[
        Path, typer.Option(metavar="FILE", help="Every verdict behind the roles.")
    ],
) -> None:
    """Give each head the roles whose criteria it meets, and write every verdict."""
    import pandas as pd

    from head_patching.results import write_csv
    from head_patching.roles.classify import classify
    from head_patching.roles.criteria import read_criteria

    roles, verdicts = classify(
        pd.read_csv(evidence), pd.read_csv(effects), read_criteria(criteria)
    )
    write_csv(out_criteria, verdicts)
    write_csv(out, roles)
