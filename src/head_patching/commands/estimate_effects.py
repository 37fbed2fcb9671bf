"""head-patching estimate-effects: attribution patching, compared with exact effects."""

from typing import Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    ModelFolder,
    Out,
    Pairs,
    Patched,
    Threads,
    use_threads,
)


def estimate_effects(
    patched: Patched,
    model_folder: ModelFolder,
    pairs: Pairs,
    out: Out,
    top: Annotated[
        int,
        typer.Option(min=1, help="Strongest heads to compare."),
    ] = 20,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Estimate patched runs by two gradients, and say how far off each estimate is."""
    import pandas as pd

    from head_patching.files.datasets import PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.models.loading import load_model
    from head_patching.patching import attribution
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    model, prompts = load_model(model_folder, device, dtype), PromptPairs.read(pairs)
    exact = [read_dataset(path, PATCHED) for path in patched]
    runs = [
        {key: sweep.attrs[key] for key in ("patch_type", "direction")}
        for sweep in exact
    ]
    estimated = attribution.estimate_sweeps(
        model, prompts, [(run["patch_type"], run["direction"]) for run in runs]
    )
    rows = [
        run | attribution.compare_estimates(guess, true, top)
        for run, guess, true in zip(runs, estimated, exact, strict=True)
    ]
    write_table(
        "attribution", out, pd.DataFrame(rows).sort_values(["patch_type", "direction"])
    )
