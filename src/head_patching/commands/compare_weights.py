"""head-patching compare-weights: whether weights and patching find the same heads."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Level, Out, Resamples, Seed


def compare_weights(
    weights: Annotated[
        Path, typer.Option(metavar="CSV", help="Scores of heads (inspect-weights).")
    ],
    composition: Annotated[
        Path, typer.Option(metavar="CSV", help="Pairs of heads (inspect-weights).")
    ],
    roles: Annotated[Path, typer.Option(metavar="CSV", help="Roles (classify-roles).")],
    evidence: Annotated[
        Path, typer.Option(metavar="CSV", help="Evidence (classify-roles).")
    ],
    model: Annotated[str, typer.Option(help="The model, by its registered name.")],
    resamples: Resamples,
    seed: Seed,
    out: Out,
    out_roc: Annotated[
        Path, typer.Option(metavar="CSV", help="ROC curves of roles by weights.")
    ],
    out_pairs: Annotated[
        Path, typer.Option(metavar="CSV", help="Pairs of roles against other pairs.")
    ],
    out_edges: Annotated[
        Path, typer.Option(metavar="CSV", help="Pairs of heads that compose.")
    ],
    out_published: Annotated[
        Path, typer.Option(metavar="CSV", help="Induction heads that others report.")
    ],
    level: Level = 0.95,
    edge: Annotated[
        float, typer.Option(help="Standard deviations from which pairs compose.")
    ] = 6.0,
) -> None:
    """Compare scores of heads by their weights with a task's effects and roles."""
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.roles.inspection import by_role
    from head_patching.roles.published import published_induction_heads
    from head_patching.statistics import Statistics

    by_head = read_table("weights", weights)
    by_pair = read_table("composition", composition)
    found = read_table("roles", roles)
    measured = read_table("evidence", evidence)
    write_table("weight_roc", out_roc, by_role.weight_roc(by_head, found))
    write_table(
        "weight_pairs",
        out_pairs,
        by_role.weight_pairs(by_pair, found, resamples, seed),
    )
    write_table(
        "composition_edges",
        out_edges,
        by_role.composition_edges(by_pair, found, edge),
    )
    write_table("published_heads", out_published, published_induction_heads(model))
    table = by_role.weight_ranking(
        by_head, measured, found, Statistics(resamples, seed=seed, level=level)
    )
    write_table("weight_agreement", out, table)
