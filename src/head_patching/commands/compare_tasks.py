"""head-patching compare-tasks: whether tasks need the same heads."""

from typing import Annotated

import typer

from head_patching.commands._options import (
    Level,
    Out,
    Patched,
    Rate,
    Resamples,
    Seed,
    SignFlips,
    Threshold,
)


def compare_tasks(
    patched: Patched,
    task: Annotated[
        list[str], typer.Option(help="The task of each file, in the same order.")
    ],
    threshold: Threshold,
    false_discovery_rate: Rate,
    resamples: Resamples,
    sign_flips: SignFlips,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Compare the heads that are important in different tasks, by output patching."""
    from head_patching.files.datasets import PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.patching.effects import Importance
    from head_patching.roles.measured import patching_effect
    from head_patching.roles.overlap import overlaps
    from head_patching.statistics import Statistics

    if len(task) != len(patched):
        raise ValueError(f"expected a task for each of {len(patched)} files: {task}")
    effects = {}
    for name, path in zip(task, patched, strict=True):
        dataset = read_dataset(path, PATCHED)
        effects[name, dataset.attrs["direction"]] = patching_effect(dataset)
    importance = Importance(threshold, false_discovery_rate)
    statistics = Statistics(resamples, sign_flips, seed, level)
    found = overlaps(effects, importance, statistics)
    write_table("overlap", out, found)
