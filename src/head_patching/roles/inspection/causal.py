"""Scores of heads from weights, compared with effects and roles from patching.

Heads without a value on one of the two sides (NaN) are left out. The ROC curve and its
area are those of scikit-learn, which is not among this project's packages.
"""

import numpy as np
import scipy
from jaxtyping import Bool, Float

Scores = Float[np.ndarray, " head"]
Known = Float[np.ndarray, " known"]  # the heads among them that have values


def rank_correlation(
    weights: Scores, effects: Scores, n_resamples: int, seed: int, level: float = 0.95
) -> tuple[float, float, float]:
    """Spearman's correlation over heads, with a percentile bootstrap interval.

    Heads are drawn with replacement, and ranked again in each draw (Efron & Tibshirani
    1993, chapter 13). NaN where one side is equal for all heads.

    Parameters
    ----------
    weights, effects
        One value per head on each side.
    n_resamples, seed
        Of the bootstrap over heads.
    level
        Coverage of the interval, between 0 and 1.
    """
    x, y = known_in_both(weights, effects)
    draws = np.random.default_rng(seed).integers(len(x), size=(n_resamples, len(x)))
    resampled = spearman(x[draws], y[draws])
    low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(spearman(x[None], y[None])[0]), float(low), float(high)


def spearman(
    x: Float[np.ndarray, "sample head"], y: Float[np.ndarray, "sample head"]
) -> Float[np.ndarray, " sample"]:
    """Spearman's correlation of each sample; equal values share their mean rank."""
    ranks = [scipy.stats.rankdata(each, axis=1) for each in (x, y)]
    first, second = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    unclear = np.full_like(size, np.nan)
    return np.divide((first * second).sum(axis=1), size, out=unclear, where=size > 0)


def roc_curve(
    weights: Scores, in_set: Bool[np.ndarray, " head"]
) -> tuple[Float[np.ndarray, " threshold"], Float[np.ndarray, " threshold"]]:
    """False- and true-positive rate of "the score is at least t", from high t to low.

    Begins at (0, 0) and ends at (1, 1); heads with equal scores are taken together.
    """
    score, inside = known_in_both(weights, in_set.astype(np.float64))
    require_both_sides(inside)
    order = np.argsort(-score, kind="stable")
    score, inside = score[order], inside[order]
    last_of_equals = np.append(np.diff(score) != 0, True)
    hits = np.cumsum(inside)[last_of_equals] / inside.sum()
    misses = np.cumsum(1 - inside)[last_of_equals] / (1 - inside).sum()
    return np.append(0.0, misses), np.append(0.0, hits)


def area_under_roc(weights: Scores, in_set: Bool[np.ndarray, " head"]) -> float:
    """How often a head of the set has the higher score than one outside it.

    Equal scores count half (Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747).
    """
    false_positive, true_positive = roc_curve(weights, in_set)
    return float(np.trapezoid(true_positive, false_positive))


def area_permutation_test(
    weights: Float[np.ndarray, "layer head"],
    in_set: Bool[np.ndarray, "layer head"],
    n_permutations: int,
    seed: int,
) -> float:
    """How often the area under the ROC curve would be as large by chance.

    Under the null it does not matter which heads of a layer are in the set: they are
    permuted within their layers, so that a trend of the score with depth has no effect.
    Layers in which a head has no value are left out; NaN if those that remain have no
    head of the set, or no other. One-sided; p = (1 + count) / (1 + n_permutations).
    """
    whole = np.isfinite(weights).all(axis=1)
    scores, inside = weights[whole], in_set[whole]
    if not 0 < inside.sum() < inside.size:
        return np.nan
    # Of sets of one size, the area grows with the sum of ranks (Mann & Whitney 1947).
    ranks = scipy.stats.rankdata(scores).reshape(scores.shape)
    rng = np.random.default_rng(seed)
    drawn = [ranks[rng.permuted(inside, axis=1)].sum() for _ in range(n_permutations)]
    reached = np.array(drawn) >= ranks[inside].sum()
    return (1 + int(reached.sum())) / (1 + n_permutations)


def pair_permutation_test(
    value: Float[np.ndarray, "layer head later_layer later_head"],
    earlier: Bool[np.ndarray, "layer head"],
    later: Bool[np.ndarray, "layer head"],
    n_permutations: int,
    seed: int,
) -> tuple[float, float]:
    """Whether `earlier` and `later` heads compose more than others: difference and p.

    The difference is that of the mean over pairs of an `earlier` and a `later` head, in
    a later layer, from the mean over all other such pairs of the model. Under the null
    it does not matter which head of its layer has the role: heads are permuted within
    their layers, for both sides at once, so that layers and the number of pairs stay as
    they are. One-sided; p = (1 + count) / (1 + n_permutations).

    Parameters
    ----------
    value
        Composition of every pair of heads.
    earlier, later
        Which heads have the role that writes, and which the role that reads.
    n_permutations, seed
        Random permutations, and their seed.
    """
    n_layers, n_heads = earlier.shape
    in_order = np.arange(n_layers)[:, None] < np.arange(n_layers)
    eligible = np.broadcast_to(in_order[:, None, :, None], value.shape)
    chosen = eligible & earlier[:, :, None, None] & later
    n_chosen, n_others = int(chosen.sum()), int(eligible.sum() - chosen.sum())
    if not n_chosen or not n_others:
        raise ValueError(
            "expected pairs of which the second head is in a later layer, and others: "
            f"got {n_chosen} and {n_others}"
        )
    total = value[eligible].sum()
    layer, head, later_layer, later_head = np.nonzero(chosen)  # each [pair]
    rng = np.random.default_rng(seed)
    in_layer = np.tile(np.arange(n_heads), (n_layers, 1))
    sums = np.empty(1 + n_permutations)
    sums[0] = value[chosen].sum()
    for draw in range(n_permutations):
        turned = rng.permuted(in_layer, axis=1)
        pairs = layer, turned[layer, head], later_layer, turned[later_layer, later_head]
        sums[1 + draw] = value[pairs].sum()
    differences = sums / n_chosen - (total - sums) / n_others
    # Equal sums may differ in the last bits by the order of addition: count as ties.
    reached = differences[1:] >= differences[0] - 1e-12
    return float(differences[0]), (1 + int(reached.sum())) / (1 + n_permutations)


def known_in_both(first: Scores, second: Scores) -> tuple[Known, Known]:
    """The heads that have both values."""
    if first.shape != second.shape:
        raise ValueError(
            f"expected as many values on both sides, got {first.size} and {second.size}"
        )
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 2:
        raise ValueError(f"expected at least 2 heads with values, got {known.sum()}")
    return first[known], second[known]


def require_both_sides(inside: Known) -> None:
    """Refuse a set of no heads, or of all."""
    if not 0 < inside.sum() < len(inside):
        raise ValueError(
            f"expected some heads in the set and some outside it, got "
            f"{int(inside.sum())} of {len(inside)}"
        )
