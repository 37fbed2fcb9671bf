"""How well a model does a task, on clean and on corrupt prompts."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from head_patching.metrics import answer_probability, logit_diff
from head_patching.patching.runs import PairBatch
from head_patching.statistics import Statistics, bootstrap_mean, widened
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import RUNS

Behaviour = dict[tuple[str, str], Float[np.ndarray, " pair"]]  # by (run, metric)

COLUMNS = ["group", "run", "metric", "mean", "ci_low", "ci_high", "n_pairs"]


def behaviour(batches: Iterable[PairBatch], pairs: PromptPairs) -> Behaviour:
    """logit_diff, accuracy (0 or 1) and probability of the answer, pair by pair.

    In the corrupt run, too, the answer is that of the clean prompt.
    """
    measured: Behaviour = {}
    for batch in batches:
        chosen = [pairs[index] for index in batch.indices]
        answer = torch.tensor([pair.answer_token for pair in chosen])
        wrong_answer = torch.tensor([pair.wrong_answer_token for pair in chosen])
        for run in RUNS:
            logits = getattr(batch, run).final_logits
            difference = logit_diff(logits, answer, wrong_answer)
            for metric, values in {
                "logit_diff": difference,
                "accuracy": (difference > 0).float(),
                "probability": answer_probability(logits, answer),
            }.items():
                empty = np.full(len(pairs), np.nan)
                column = measured.setdefault((run, metric), empty)
                column[batch.indices] = values.numpy()
    return measured


def behaviour_table(
    measured: Behaviour, templates: Sequence[str], statistics: Statistics
) -> pd.DataFrame:
    """Means with intervals, over all pairs and for each template.

    Over all pairs, templates are resampled; within a template, its pairs are. One
    pair alone has no interval, and where the model is right, or wrong, on every prompt,
    that of the accuracy is an exact one.
    """
    of_pairs = np.array(templates)
    single = np.arange(len(templates))
    groups = {"all": (np.full(len(templates), True), of_pairs)}
    for template in sorted(set(templates)):
        groups[template] = (of_pairs == template, single)
    rows = []
    for group, (chosen, labels) in groups.items():
        for (run, metric), values in measured.items():
            of_group, units = values[chosen], labels[chosen]
            interval = bootstrap_mean(
                of_group, units,
                statistics.n_resamples, statistics.seed, statistics.level,
            )  # fmt: skip
            mean, low, high = map(float, interval)
            if metric == "accuracy":
                n_units, level = len(set(units)), statistics.level
                mean, low, high = widened((mean, low, high), n_units, level)
            rows.append((group, run, metric, mean, low, high, chosen.sum()))
    return pd.DataFrame(rows, columns=COLUMNS)
