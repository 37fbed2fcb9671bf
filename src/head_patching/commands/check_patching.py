"""head-patching check-patching: the engine against TransformerLens's own patching."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands.options import (
    ModelFolder,
    Out,
    Pairs,
    Seed,
    Threads,
    use_threads,
)


def check_patching(
    model_folder: ModelFolder,
    pairs: Pairs,
    seed: Seed,
    out: Out,
    summary: Annotated[
        Path, typer.Option(metavar="FILE", help="The largest differences.")
    ],
    sample_heads: Annotated[int, typer.Option(min=1, help="Heads to compare.")] = 12,
    tolerance: Annotated[float, typer.Option(help="In logit_diff.")] = 1e-4,
    threads: Threads = 0,
) -> None:
    """Compare a sample of heads with TransformerLens; fail if one differs."""
