"""head-patching measure-repetition: how well the model repeats random tokens."""

from typing import Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    Level,
    ModelFolder,
    Out,
    Resamples,
    Seed,
    Threads,
    use_threads,
)


def measure_repetition(
    model_folder: ModelFolder,
    distance: Annotated[
        list[int],
        typer.Option(min=2, help="Tokens until they repeat; may be repeated."),
    ],
    copies: Annotated[int, typer.Option(min=2, help="How often they occur.")],
    sequences: Annotated[int, typer.Option(min=2, help="Random sequences of each.")],
    resamples: Resamples,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Measure how well the next of repeated random tokens is known."""
    from head_patching.files.writing import write_table
    from head_patching.models.loading import load_model
    from head_patching.roles import repetition
    from head_patching.tasks.tokens import resolve_prepend_bos

    use_threads(threads)
    model = load_model(model_folder, device, dtype)
    table = repetition.measure_repetition(
        model, distance, copies, sequences, seed,
        resolve_prepend_bos(model.tokenizer, "auto"), resamples, level,
    )  # fmt: skip
    write_table("repetition", out, table)
