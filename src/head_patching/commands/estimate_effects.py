"""head-patching estimate-effects: attribution patching of every patch there is."""

from pathlib import Path
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


def estimate_effects(
    model_folder: ModelFolder,
    pairs: Pairs,
    out: Out,
    cache: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CACHE]...",
            help="Cached activations of all the pairs, which save a third of the time.",
        ),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Estimate every patch of every head by two gradients, and write the changes.

    Of every patch type and direction that there is, and of outputs at every named
    position: a config that asks for one more finds it estimated.
    """
    from head_patching.files.writing import write_dataset
    from head_patching.models.loading import load_model
    from head_patching.patching.attribution import estimate_changes
    from head_patching.patching.cache import read_cache
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    model, prompts = load_model(model_folder, device, dtype), PromptPairs.read(pairs)
    stored = (
        batch for path in cache or () for batch in read_cache(path, prompts, model)
    )
    estimates = estimate_changes(
        model,
        prompts,
        positions=prompts.position_names,
        batches=stored if cache else None,
    )
    write_dataset(out, estimates)
