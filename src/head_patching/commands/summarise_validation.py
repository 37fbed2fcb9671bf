"""head-patching summarise-validation: how often roles were right, over all models."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Level


def summarise_validation(
    heads: Annotated[
        list[Path],
        typer.Argument(metavar="CSV...", help="Planted and found roles (validate)."),
    ],
    out: Annotated[Path, typer.Option(metavar="CSV", help="Precision and recall.")],
    out_pooled: Annotated[
        Path, typer.Option(metavar="CSV", help="The same over all architectures.")
    ],
    out_confusion: Annotated[
        Path, typer.Option(metavar="CSV", help="Planted roles by found roles.")
    ],
    out_null_models: Annotated[
        Path, typer.Option(metavar="CSV", help="False roles of null models.")
    ],
    out_decoys: Annotated[
        Path, typer.Option(metavar="CSV", help="Decoys that have a role.")
    ],
    level: Level = 0.95,
) -> None:
    """Write precision and recall, confusions, and roles that nobody planted."""
    import pandas as pd

    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.roles import false_findings, scores

    tables = [read_table("validation", path) for path in heads]
    table = pd.concat(tables, ignore_index=True)
    scores.require_once(table)
    write_table("confusion", out_confusion, scores.confusion(table))
    write_table("null_models", out_null_models, false_findings.false_roles(table))
    pooled = scores.scores(table, level, scores.POOLED)
    write_table("pooled_scores", out_pooled, pooled)
    write_table("decoys", out_decoys, false_findings.decoys_named(table))
    write_table("scores", out, scores.scores(table, level))
