"""Uncertainty of means over prompt pairs, when pairs come in groups.

Pairs made from one template are not independent, so the unit that is resampled
(bootstrap) or whose sign is flipped (randomisation test) is the group. Both work on
the sums of each group, which makes them matrix products: [.., group] @ [group,
resample]. The last axis of every `values` array is the pair; all other axes come
back unchanged, and share their resamples, so that comparisons between heads are
paired.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

Interval = tuple[float, float, float]  # value, low, high

CELLS_AT_ONCE = 2**22  # of the array [.., resample]: 32 MB of float64


def bootstrap_mean(
    values: Float[np.ndarray, "*axes pair"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over pairs, with a percentile bootstrap interval over groups.

    See `bootstrap_ratio`, of which this is the case with every denominator 1.
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
    level
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    tuple of arrays
        Estimate, low and high, shaped like `contribution` without its last axis. One
        group alone says nothing about the spread between groups: low and high are
        then NaN.

    Raises
    ------
    ValueError
        When lengths do not agree, a value is not finite, or the mean of `scale` is 0.
    """
    values, labels = _checked(contribution, groups, n_resamples)
    scale = np.asarray(scale, dtype=np.float64)
    if scale.shape != values.shape[-1:]:
        raise ValueError(
            f"expected one denominator for each of {values.shape[-1]} pairs, got an "
            f"array of shape {scale.shape}"
        )
    if not np.isfinite(scale).all() or scale.sum() == 0:
        raise ValueError("the denominators must be finite and must not add up to 0")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")

    sums, scales = group_sums(values, labels), group_sums(scale, labels)
    axes = sums.shape[:-1]
    rows = sums.reshape(-1, sums.shape[-1])  # [row group]
    estimate = rows.sum(axis=1) / scales.sum()
    low, high = np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    if scales.size > 1:
        counts = resampled_group_counts(scales.size, n_resamples, seed)
        denominators = counts @ scales  # [resample]
        tails = ((1 - level) / 2, (1 + level) / 2)
        for part in _row_slices(len(rows), n_resamples):
            ratios = rows[part] @ counts.T / denominators  # [row resample]
            low[part], high[part] = np.quantile(ratios, tails, axis=1)
    return estimate.reshape(axes), low.reshape(axes), high.reshape(axes)


def proportion_interval(n_right: int, n: int, level: float) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper & Pearson, Biometrika 26, 1934)."""
    interval = scipy.stats.binomtest(n_right, n).proportion_ci(level)
    return float(interval.low), float(interval.high)


def widened(interval: Interval, n_groups: int, level: float) -> Interval:
    """A share's interval, or Clopper-Pearson's over groups where all of them agree.

    A share of exactly 0 or 1 in every group leaves the bootstrap without any width, as
    if no other prompt could be answered otherwise.

    Parameters
    ----------
    interval
        The share, low and high. NaN ends, those of a single group, stay.
    """
    share, low, high = interval
    if low != high or share not in (0.0, 1.0):
        return interval
    return share, *proportion_interval(round(share * n_groups), n_groups, level)


def resampled_group_counts(
    n_groups: int, n_resamples: int, seed: int
) -> Float[np.ndarray, "resample group"]:
    """How often each group is drawn in each bootstrap resample."""
    generator = np.random.default_rng(seed)
    shares = np.full(n_groups, 1 / n_groups)
    return generator.multinomial(n_groups, shares, size=n_resamples).astype(np.float64)


def sign_flip_p(
    values: Float[np.ndarray, "*axes pair"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Two-sided p-value of "the effect is as likely positive as negative".

    The signs of whole groups are flipped and the absolute mean compared with the
    observed one. When all sign patterns number at most `n_resamples` they are
    enumerated and p is exact; else p = (1 + count) / (1 + n_resamples), which is
    never 0 (Phipson & Smyth 2010, arXiv 1603.05766).

    Returns
    -------
    array
        p-values, shaped like `values` without its last axis; at least
        2 / 2**n_groups, so few groups cannot give a small p.
    """
    numbers, labels = _checked(values, groups, n_resamples)
    sums = group_sums(numbers, labels)
    rows = sums.reshape(-1, sums.shape[-1])  # [row group]
    signs, exact = _sign_patterns(rows.shape[1], n_resamples, seed)
    # Equal sums may differ in the last bits by the order of addition: count as ties.
    observed = np.abs(rows.sum(axis=1)) - 1e-12 * np.abs(rows).sum(axis=1)
    count = np.empty(len(rows))
    for part in _row_slices(len(rows), len(signs)):
        flipped = np.abs(rows[part] @ signs.T)  # [row pattern]
        count[part] = (flipped >= observed[part, None]).sum(axis=1)
    p = count / len(signs) if exact else (1 + count) / (1 + len(signs))
    return p.reshape(sums.shape[:-1])


def sign_flip_p_normal(
    values: Float[np.ndarray, "*axes pair"],
    groups: Sequence[str] | np.ndarray,
    counts: Float[np.ndarray, " group"] | None = None,
) -> np.ndarray:
    """The p-value of `sign_flip_p` in its normal approximation.

    Under flips the sum has mean 0 and the sum of squares as its variance. Good from a
    dozen groups on, and cheap enough to be made again in every bootstrap resample:
    `counts` says how often each group, in sorted order, was drawn (None: once). Each
    draw has a sign of its own, as it would have among other templates.
    """
    numbers, labels = _checked(values, groups, 1)
    sums = group_sums(numbers, labels)
    counts = np.ones(sums.shape[-1]) if counts is None else counts
    spread = np.sqrt(np.asarray(sums**2 @ counts))
    total = np.abs(np.asarray(sums @ counts))
    z = np.divide(total, spread, out=np.zeros_like(total), where=spread > 0)
    return np.asarray(2 * scipy.stats.norm.sf(z))


def sign_flip_tests(
    values: Float[np.ndarray, "*axes pair"],
    tested: Bool[np.ndarray, "*axes"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """p-values of `sign_flip_p` and their q-values over all that is tested, else 1."""
    p_value, q_value = np.ones(tested.shape), np.ones(tested.shape)
    if tested.any():
        p_value[tested] = sign_flip_p(values[tested], groups, n_resamples, seed)
        q_value[tested] = benjamini_hochberg(p_value[tested])
    return p_value, q_value


def benjamini_hochberg(p: Float[np.ndarray, "*axes"]) -> np.ndarray:
    """q-values: the smallest false-discovery rate at which each test is rejected.

    All entries of `p` are one family of tests (Benjamini & Hochberg 1995).
    """
    p = np.asarray(p, dtype=np.float64)
    if p.size == 0:
        return p
    return scipy.stats.false_discovery_control(p, axis=None, method="bh").reshape(
        p.shape
    )


def group_sums(
    values: Float[np.ndarray, "*axes pair"], labels: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, "*axes group"]:
    """Sums over the pairs of each group; `labels` counts groups from 0."""
    membership = labels[:, None] == np.arange(labels.max() + 1)  # [pair group]
    return values @ membership.astype(np.float64)


def _checked(
    values: np.ndarray, groups: Sequence[str] | np.ndarray, n_resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values as float64 and groups as integer labels, or a ValueError."""
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


def _sign_patterns(
    n_groups: int, n_resamples: int, seed: int
) -> tuple[Float[np.ndarray, "pattern group"], bool]:
    """Sign patterns to try, and whether they are all there are.

    A pattern and its opposite give the same absolute mean, so the first group keeps
    its sign and half the patterns stand for all.
    """
    if n_groups <= 53 and 2 ** (n_groups - 1) <= n_resamples:
        bits = np.arange(2 ** (n_groups - 1))[:, None] >> np.arange(n_groups - 1)
        free = 1.0 - 2.0 * (bits & 1)
        return np.hstack([np.ones((len(free), 1)), free]), True
    generator = np.random.default_rng(seed)
    return generator.choice([-1.0, 1.0], size=(n_resamples, n_groups)), False


def _row_slices(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Slices of rows small enough for one block [row column] in memory."""
    step = max(1, CELLS_AT_ONCE // n_columns)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)
