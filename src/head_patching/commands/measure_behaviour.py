"""head-patching measure-behaviour: how well the model does the task."""

from typing import TYPE_CHECKING

from head_patching.commands.options import (
    Level,
    Out,
    Pairs,
    Resamples,
    Seed,
    Shards,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from head_patching.tasks.pairs import PromptPairs

Measured = dict[tuple[str, str], "np.ndarray"]  # (run, metric) -> [pair]


def measure_behaviour(
    cache: Shards,
    pairs: Pairs,
    resamples: Resamples,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Measure logit_diff, accuracy and probability on clean and corrupt prompts.

    In the corrupt run, too, the answer is that of the clean prompt.
    """
    from head_patching.files.tables import write_table
    from head_patching.tasks.pairs import PromptPairs

    read = PromptPairs.read(pairs)
    measured = measure(cache, read)
    write_table("behaviour", out, summarise(measured, read, resamples, seed, level))


def measure(cache: Shards, pairs: "PromptPairs") -> Measured:
    """Each metric of each run, pair by pair."""
    import numpy as np
    import torch

    from head_patching.metrics import answer_probability, logit_diff
    from head_patching.patching.cache import read_cache

    measured: Measured = {}
    for path in cache:
        for batch in read_cache(path, pairs):
            chosen = [pairs[index] for index in batch.indices]
            answer = torch.tensor([pair.answer_token for pair in chosen])
            wrong = torch.tensor([pair.wrong_answer_token for pair in chosen])
            for run in ("clean", "corrupt"):
                logits = getattr(batch, run).final_logits
                difference = logit_diff(logits, answer, wrong)
                for metric, values in {
                    "logit_diff": difference,
                    "accuracy": (difference > 0).float(),
                    "probability": answer_probability(logits, answer),
                }.items():
                    empty = np.full(len(pairs), np.nan)
                    column = measured.setdefault((run, metric), empty)
                    column[batch.indices] = values.numpy()
    return measured


def summarise(
    measured: Measured, pairs: "PromptPairs", resamples: int, seed: int, level: float
) -> "pd.DataFrame":
    """Means with intervals, over all pairs and for each template.

    Over all pairs, templates are resampled; within a template, its pairs are. One
    pair alone has no interval, and where the model is right, or wrong, on every prompt,
    that of the accuracy is an exact one.
    """
    import numpy as np
    import pandas as pd

    from head_patching.statistics import bootstrap_mean, widened

    templates = np.array([pair.template for pair in pairs])
    single = np.arange(len(pairs))
    groups = {"all": (np.full(len(pairs), True), templates)}
    for template in sorted(set(templates)):
        groups[template] = (templates == template, single)
    rows = []
    for group, (chosen, labels) in groups.items():
        for (run, metric), values in measured.items():
            of_group, units = values[chosen], labels[chosen]
            ends = bootstrap_mean(of_group, units, resamples, seed, level)
            mean, low, high = map(float, ends)
            if metric == "accuracy":
                mean, low, high = widened((mean, low, high), len(set(units)), level)
            rows.append((group, run, metric, mean, low, high, chosen.sum()))
    columns = ["group", "run", "metric", "mean", "ci_low", "ci_high", "n_pairs"]
    return pd.DataFrame(rows, columns=columns)
