"""head-patching measure-behaviour: how well the model does the task."""

from head_patching.commands.options import (
    Level,
    ModelFolder,
    Out,
    Pairs,
    Resamples,
    Seed,
    Threads,
    use_threads,
)


def measure_behaviour(
    model_folder: ModelFolder,
    pairs: Pairs,
    resamples: Resamples,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
    threads: Threads = 0,
) -> None:
    """Measure logit_diff, accuracy and probability on clean and corrupt prompts."""
