"""head-patching inspect-weights: what each head could do, by its weights."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import ModelFolder, Out, Seed, Threads, use_threads


def inspect_weights(
    model_folder: ModelFolder,
    seed: Seed,
    out: Out,
    out_composition: Annotated[
        Path, typer.Option(metavar="CSV", help="Composition of pairs of heads.")
    ],
    distance: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Tokens from key to query; may be repeated."),
    ] = None,
    rotations: Annotated[
        int,
        typer.Option(min=2, help="Random rotations to compare composition with."),
    ] = 100,
    threads: Threads = 0,
) -> None:
    """Measure copying, matching and composition of heads from the weights alone."""
    from head_patching.files.writing import write_table
    from head_patching.models.loading import load_model
    from head_patching.roles.inspection.qk import DISTANCES
    from head_patching.roles.inspection.tables import inspect

    use_threads(threads)
    by_head, by_pair = inspect(
        load_model(model_folder), seed, distance or DISTANCES, rotations
    )
    write_table("weights", out, by_head)
    write_table("composition", out_composition, by_pair)
