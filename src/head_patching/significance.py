"""Tests against zero over prompt pairs, when pairs come in groups.

Pairs made from one template are not independent, so the unit whose sign is flipped in
the randomisation test is the group. It works on the sums of each group, which makes it
a matrix product: [.., group] @ [group, pattern]. The last axis of every `values` array
is the pair; all other axes come back unchanged, and share their sign patterns.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float

from head_patching.statistics import checked, group_sums, row_slices


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
    numbers, labels = checked(values, groups, n_resamples)
    sums = group_sums(numbers, labels)
    rows = sums.reshape(-1, sums.shape[-1])  # [row group]
    signs, exact = _sign_patterns(rows.shape[1], n_resamples, seed)
    # Equal sums may differ in the last bits by the order of addition: count as ties.
    observed = np.abs(rows.sum(axis=1)) - 1e-12 * np.abs(rows).sum(axis=1)
    count = np.empty(len(rows))
    for part in row_slices(len(rows), len(signs)):
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

    Under flips the sum has mean 0, and the sum of squares is its variance. Accurate
    from a dozen groups on, and fast enough to be computed in every bootstrap resample.

    Parameters
    ----------
    counts
        How often each group, in sorted order, was drawn (None: once). Each draw has its
        own sign, as another template would have.
    """
    numbers, labels = checked(values, groups, 1)
    sums = group_sums(numbers, labels)
    counts = np.ones(sums.shape[-1]) if counts is None else counts
    spread = np.sqrt(np.asarray(sums**2 @ counts))
    total = np.abs(np.asarray(sums @ counts))
    z = np.divide(total, spread, out=np.zeros_like(total), where=spread > 0)
    return np.asarray(2 * scipy.special.ndtr(-z))


def sign_flip_tests(
    values: Float[np.ndarray, "*axes pair"],
    tested: Bool[np.ndarray, "*axes"],
    groups: Sequence[str] | np.ndarray,
    n_resamples: int,
    seed: int,
    family: Bool[np.ndarray, "*axes"] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """p-values of `sign_flip_p`, and their q-values as one family of tests.

    Parameters
    ----------
    values, groups
        Numerator and template of each pair.
    tested
        Which rows are tested; p and q of all others are 1.
    n_resamples, seed
        Random sign patterns, and their seed.
    family
        Which rows are the family, those tested among them (None: these alone). What is
        in the family and was not tested counts with p = 1, so that choosing what to
        test by its size makes no test easier to pass.
    """
    family = tested if family is None else family | tested
    p_value, q_value = np.ones(tested.shape), np.ones(tested.shape)
    if tested.any():
        p_value[tested] = sign_flip_p(values[tested], groups, n_resamples, seed)
        q_value[family] = benjamini_hochberg(p_value[family])
    return p_value, q_value


def benjamini_hochberg(p: Float[np.ndarray, "*axes"]) -> np.ndarray:
    """q-values: the smallest false-discovery rate at which each test is rejected.

    All entries of `p` are one family of tests (Benjamini & Hochberg 1995).
    """
    p = np.asarray(p, dtype=np.float64)
    if p.size == 0:
        return p
    # As scipy.stats does, whose import would take half of the time of many a command.
    order = np.argsort(p, axis=None)
    scaled = p.ravel()[order] * (p.size / np.arange(1, p.size + 1))
    q = np.empty(p.size)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q.clip(max=1).reshape(p.shape)


def _sign_patterns(
    n_groups: int, n_resamples: int, seed: int
) -> tuple[Float[np.ndarray, "pattern group"], bool]:
    """Sign patterns to compare with, and whether these are all patterns.

    A pattern and its opposite give equal absolute means, so the first group keeps its
    sign: half of the patterns are enough.
    """
    if n_groups <= 53 and 2 ** (n_groups - 1) <= n_resamples:
        bits = np.arange(2 ** (n_groups - 1))[:, None] >> np.arange(n_groups - 1)
        free = 1.0 - 2.0 * (bits & 1)
        return np.hstack([np.ones((len(free), 1)), free]), True
    generator = np.random.default_rng(seed)
    return generator.choice([-1.0, 1.0], size=(n_resamples, n_groups)), False
