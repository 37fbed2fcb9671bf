"""head-patching measure-behaviour: how well the model does the task."""

from head_patching.commands._options import (
    CacheFiles,
    Level,
    Out,
    Pairs,
    Resamples,
    Seed,
)


def measure_behaviour(
    cache: CacheFiles,
    pairs: Pairs,
    resamples: Resamples,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Measure logit_diff, accuracy and probability on clean and corrupt prompts.

    In the corrupt run, too, the answer is that of the clean prompt.
    """
    from itertools import chain

    from head_patching.files.writing import write_table
    from head_patching.patching.behaviour import behaviour, behaviour_table
    from head_patching.patching.cache import read_cache
    from head_patching.statistics import Statistics
    from head_patching.tasks.pairs import PromptPairs

    read = PromptPairs.read(pairs)
    batches = chain.from_iterable(read_cache(path, read) for path in cache)
    statistics = Statistics(resamples, seed=seed, level=level)
    measured = behaviour(batches, read)
    table = behaviour_table(measured, read.templates, statistics)
    write_table("behaviour", out, table)
