"""Do two tasks need the same heads? The overlap of their sets of important heads.

Both sets are resampled together: templates of each task are drawn with replacement,
effects and their tests are computed again, and the Jaccard index of the two sets is
taken. It is compared with chance: the overlap of two sets of the same sizes, drawn at
random from all heads (hypergeometric distribution).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Bool

from head_patching.files.register import columns
from head_patching.patching.effects import Importance, is_important
from head_patching.roles.draws import resampled_values, sums_of_groups
from head_patching.roles.measured import Measured, table_of
from head_patching.statistics import Statistics, resampled_group_counts
from head_patching.terms import head_name


def overlaps(
    effects: Mapping[tuple[str, str], Measured],
    importance: Importance,
    statistics: Statistics,
) -> pd.DataFrame:
    """One row for every two tasks and each direction.

    Columns: first, second (the tasks), direction, n_first, n_second and shared (numbers
    of important heads), jaccard with its interval, expected (shared heads by chance)
    and p_value (of sharing as many by chance), heads (those shared).

    Parameters
    ----------
    effects
        By task and direction: the effects of patching every head's output.
    statistics
        Its sign flips are those of the tests on all pairs; in resamples their normal
        approximation is taken.
    """
    sets = {}
    for number, (key, measured) in enumerate(effects.items()):
        of_all = important_heads(measured, importance, statistics)
        drawn = resampled_sets(
            measured, importance, statistics.n_resamples, statistics.seed + number
        )
        sets[key] = np.concatenate((of_all[None], drawn))
    tasks = list(dict.fromkeys(task for task, _ in effects))
    directions = list(dict.fromkeys(direction for _, direction in effects))
    rows = []
    for number, first in enumerate(tasks):
        for second in tasks[number + 1 :]:
            for direction in directions:
                pair = sets[first, direction], sets[second, direction]
                names = {"first": first, "second": second, "direction": direction}
                rows.append(names | overlap(*pair, statistics.level))
    return pd.DataFrame(rows, columns=columns("overlap"))


def important_heads(
    measured: Measured, importance: Importance, statistics: Statistics
) -> Bool[np.ndarray, "layer head"]:
    """The heads with an important effect on all pairs."""
    table = table_of([measured], replace(statistics, n_resamples=0))
    important = is_important(table["value"], table["q_value"], importance)
    return important.to_numpy().reshape(measured.tested.shape)


def resampled_sets(
    measured: Measured, importance: Importance, n_resamples: int, seed: int
) -> Bool[np.ndarray, "resample layer head"]:
    """The heads with an important effect in each resample of the groups."""
    of_groups = sums_of_groups(measured)
    n_groups = of_groups[1].shape[-1]
    drawn = resampled_group_counts(n_groups, n_resamples, seed)
    found = []
    for counts in drawn:
        values, q_values = resampled_values(of_groups, counts, measured.tested)
        found.append(is_important(values, q_values, importance))
    return np.stack(found)


def overlap(
    first: Bool[np.ndarray, "resample layer head"],
    second: Bool[np.ndarray, "resample layer head"],
    level: float,
) -> dict[str, int | float | str]:
    """The overlap of two sets of heads, each on all pairs and then in resamples."""
    both = (first & second).sum(axis=(1, 2))
    either = (first | second).sum(axis=(1, 2))
    jaccard = np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)
    drawn = jaccard[1:][np.isfinite(jaccard[1:])]
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail]) if len(drawn) else 2 * [np.nan]
    n_heads, n_first, n_second = first[0].size, first[0].sum(), second[0].sum()
    by_chance = scipy.stats.hypergeom(n_heads, n_first, n_second)
    shared = np.argwhere(first[0] & second[0])
    return {
        "n_first": int(n_first),
        "n_second": int(n_second),
        "shared": int(both[0]),
        "jaccard": float(jaccard[0]),
        "ci_low": float(low),
        "ci_high": float(high),
        "expected": n_first * n_second / n_heads,
        "p_value": float(by_chance.sf(both[0] - 1)),
        "heads": " ".join(head_name(layer, head) for layer, head in shared),
    }
