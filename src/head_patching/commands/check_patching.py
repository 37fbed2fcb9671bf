"""head-patching check-patching: the engine against TransformerLens's own patching."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import (
    ModelFolder,
    Out,
    Pairs,
    Patched,
    Seed,
    Threads,
    use_threads,
)
from head_patching.commands._progress import progress


def check_patching(
    patched: Patched,
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
    import pandas as pd

    from head_patching.files.datasets import PATCHED, read_dataset
    from head_patching.files.writing import write_json, write_table
    from head_patching.models.loading import load_model
    from head_patching.patching import self_check
    from head_patching.patching.reference import load_reference
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    read = PromptPairs.read(pairs)
    datasets = [read_dataset(path, PATCHED) for path in patched]
    share = 1 / (len(datasets) + 1)
    with progress("Checking patches") as advance:
        model = load_model(model_folder)
        identity = self_check.identity_change(model, read)
        advance(share)
        bridge = load_reference(model)
        tables = []
        for dataset in datasets:
            table = self_check.check_effects(bridge, read, dataset, sample_heads, seed)
            tables.append(table)
            advance(share)
    heads = pd.concat(tables, ignore_index=True)
    found = self_check.summarise(heads, identity, tolerance)
    # The differences are far below the six decimals of other tables.
    write_table(
        "self_check", out, heads.assign(abs_diff=heads["abs_diff"].map("{:.3e}".format))
    )
    write_json(summary, found)
