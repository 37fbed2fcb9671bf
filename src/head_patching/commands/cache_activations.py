"""head-patching cache-activations: activations of clean and corrupt runs."""

from typing import Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    ModelFolder,
    Out,
    Pairs,
    Threads,
    use_threads,
)


def cache_activations(
    model_folder: ModelFolder,
    pairs: Pairs,
    out: Out,
    first: Annotated[int, typer.Option(min=0, help="Index of the first pair.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Pairs at most.")] = 1_000_000,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Run some pairs and store their activations, with a manifest."""
    from head_patching.models.loading import load_model
    from head_patching.patching.cache import write_cache
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    write_cache(
        out,
        load_model(model_folder, device, dtype),
        PromptPairs.read(pairs),
        first,
        count,
    )
