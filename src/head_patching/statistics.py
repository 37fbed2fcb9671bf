"""Means over prompt pairs and their intervals, when pairs come in groups.

Pairs made from one template are not independent, so the unit that the bootstrap
resamples is the group. It works on the sums of each group, which makes it a matrix
product: [.., group] @ [group, resample]. The last axis of every `values` array is the
pair; all other axes come back unchanged, and share their resamples, so that comparisons
between heads are paired. `significance` has the tests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float, Int

Interval = tuple[float, float, float]  # value, low, high

CELLS_AT_ONCE = 2**22  # of the array [.., resample]: 32 MB of float64


@dataclass(frozen=True)
class Statistics:
    """How means are given an interval, and tested against zero.

    Parameters
    ----------
    n_resamples
        Resamples of the bootstrap; 0: no intervals.
    n_sign_flips
        Random sign patterns of the sign-flip tests; 0: no tests.
    seed
        Of both.
    level
        Coverage of the intervals, between 0 and 1.
    """

    n_resamples: int = 0
    n_sign_flips: int = 0
    seed: int = 0
    level: float = 0.95


def bootstrap_mean(
    values: Float[np.ndarray, "*axes pair"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over pairs, with a percentile bootstrap interval over groups.

    This is `bootstrap_ratio` with every denominator 1.

    Parameters
    ----------
    values
        Of each pair, or of each sample.
    groups
        The template of each pair; whole templates are drawn with replacement.
    n_resamples, seed
        Number of resamples, and the seed that draws them.
    level
        Coverage of the interval, between 0 and 1.
    """
    ones = np.ones(np.shape(values)[-1])
    return bootstrap_ratio(values, ones, groups, n_resamples, seed, level)


def bootstrap_ratio(
    contribution: Float[np.ndarray, "*axes pair"],
    scale: Float[np.ndarray, " _"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ratio of means over pairs, with a percentile bootstrap interval over groups.

    Numerator and denominator are resampled together, so the interval contains the
    uncertainty of the normalisation too (Efron & Tibshirani 1993, chapter 13).

    Parameters
    ----------
    contribution
        Numerator per pair, e.g. patched minus corrupt logit_diff.
    scale
        Denominator per pair, e.g. clean minus corrupt logit_diff.
    groups
        The template of each pair; whole templates are drawn with replacement.
    n_resamples, seed
        Number of resamples, and the seed that draws them.
    level
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    tuple of arrays
        Estimate, low and high, shaped like `contribution` without its last axis. A
        single group has no spread between groups: low and high are then NaN.

    Raises
    ------
    ValueError
        When lengths do not agree, a value is not finite, or the mean of `scale` is 0.
    """
    values, labels = checked(contribution, groups, n_resamples)
    scale = np.asarray(scale, dtype=np.float64)
    if scale.shape != values.shape[-1:]:
        raise ValueError(
            f"expected one denominator for each of {values.shape[-1]} pairs, got an "
            f"array of shape {scale.shape}"
        )
    if not np.isfinite(scale).all() or scale.sum() == 0:
        raise ValueError("the denominators must be finite and must not add up to 0")
    require_level(level)

    sums, scales = group_sums(values, labels), group_sums(scale, labels)
    axes = sums.shape[:-1]
    rows = sums.reshape(-1, sums.shape[-1])  # [row group]
    ratio = rows.sum(axis=1) / scales.sum()
    low, high = np.full_like(ratio, np.nan), np.full_like(ratio, np.nan)
    if scales.size > 1:
        counts = resampled_group_counts(scales.size, n_resamples, seed)
        low, high = percentile_ends(rows, scales, counts, level)
    return ratio.reshape(axes), low.reshape(axes), high.reshape(axes)


def percentile_ends(
    rows: Float[np.ndarray, "row group"],
    scales: Float[np.ndarray, " group"],
    counts: Float[np.ndarray, "resample group"],
    level: float,
) -> Float[np.ndarray, "2 row"]:
    """Low and high ends of a ratio's percentile interval, from sums over groups."""
    ends = np.empty((2, len(rows)))
    denominators = counts @ scales  # [resample]
    tails = ((1 - level) / 2, (1 + level) / 2)
    for part in row_slices(len(rows), len(counts)):
        ratios = rows[part] @ counts.T / denominators  # [row resample]
        ends[:, part] = np.quantile(ratios, tails, axis=1)
    return ends


def require_level(level: float) -> None:
    """Refuse a coverage that no interval can have.

    Raises
    ------
    ValueError
        When it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def proportion_interval(n_right: int, n: int, level: float) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper & Pearson, Biometrika 26, 1934)."""
    require_level(level)
    n_wrong, tail = n - n_right, (1 - level) / 2
    low = scipy.special.betaincinv(n_right, n_wrong + 1, tail) if n_right else 0.0
    high = scipy.special.betaincinv(n_right + 1, n_wrong, 1 - tail) if n_wrong else 1.0
    return float(low), float(high)


def widened(interval: Interval, n_groups: int, level: float) -> Interval:
    """A proportion's interval, or Clopper-Pearson's where it is 0 or 1 in every group.

    There the bootstrap interval has no width, as if the proportion were certain.

    Parameters
    ----------
    interval
        The proportion, low and high. NaN ends, those of a single group, stay.
    n_groups
        Number of groups, which are the trials of the exact interval.
    level
        Coverage of the interval, between 0 and 1.
    """
    proportion, low, high = interval
    if low != high or proportion not in (0.0, 1.0):
        return interval
    n_right = round(proportion * n_groups)
    return proportion, *proportion_interval(n_right, n_groups, level)


def resampled_group_counts(
    n_groups: int, n_resamples: int, seed: int
) -> Float[np.ndarray, "resample group"]:
    """How often each group is drawn in each bootstrap resample."""
    generator = np.random.default_rng(seed)
    equal = np.full(n_groups, 1 / n_groups)
    return generator.multinomial(n_groups, equal, size=n_resamples).astype(np.float64)


def group_sums(
    values: Float[np.ndarray, "*axes pair"], labels: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, "*axes group"]:
    """Sums over the pairs of each group; `labels` counts groups from 0."""
    membership = labels[:, None] == np.arange(labels.max() + 1)  # [pair group]
    return values @ membership.astype(np.float64)


def checked(
    values: np.ndarray, groups: Sequence[str] | np.ndarray, n_resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values as float64 and groups as whole numbers from 0, or a ValueError."""
    values = np.asarray(values, dtype=np.float64)
    groups = np.asarray(groups)
    if groups.ndim != 1 or values.ndim == 0 or values.shape[-1] != groups.size:
        raise ValueError(
            f"expected one group for each pair, got values of shape {values.shape} "
            f"and groups of shape {groups.shape}"
        )
    if groups.size == 0:
        raise ValueError("expected at least one pair, got none")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite, got NaN or infinity")
    if n_resamples < 1:
        raise ValueError(f"expected at least 1 resample, got {n_resamples}")
    return values, np.unique(groups, return_inverse=True)[1]


def row_slices(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Slices of rows small enough for one block [row column] in memory."""
    step = max(1, CELLS_AT_ONCE // n_columns)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)


def concentration(effects: Float[np.ndarray, " head"]) -> float:
    """The strongest twentieth's share of the summed |effect|; NaN where all are 0."""
    sizes = np.sort(np.abs(effects))[::-1]
    total = sizes.sum()
    strongest = sizes[: max(1, round(len(sizes) / 20))].sum()
    return float(strongest / total) if total > 0 else np.nan
