"""head-patching patch: the logit_diff of every patched run."""

from typing import Annotated

import typer

from head_patching.commands.options import (
    ModelFolder,
    Out,
    Pairs,
    Shards,
    Threads,
    use_threads,
)


def patch(
    cache: Shards,
    model_folder: ModelFolder,
    pairs: Pairs,
    patch_type: Annotated[str, typer.Option(help="What of a head is replaced.")],
    direction: Annotated[str, typer.Option(help="denoising or noising.")],
    out: Out,
    positions: Annotated[str, typer.Option(help="Where it is replaced.")] = "all",
    threads: Threads = 0,
) -> None:
    """Patch every head in turn and write the logit_diff of every pair."""
