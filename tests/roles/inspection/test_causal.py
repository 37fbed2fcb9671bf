"""Agreement of weights with effects, by hand and against scipy."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from head_patching.roles.inspection.causal import (
    area_permutation_test,
    area_under_roc,
    pair_permutation_test,
    rank_correlation,
    roc_curve,
    spearman,
)


def test_rank_correlation_equal_to_scipy_with_ties_and_gaps():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, 40).astype(float)
    y = x + rng.normal(size=40) * 3
    expected = stats.spearmanr(x, y).statistic
    rho, low, high = rank_correlation(x, y, 2000, seed=1)
    assert rho == pytest.approx(expected)
    assert low < rho < high
    gaps = np.append(x, [np.nan, 1.0]), np.append(y, [0.0, np.nan])
    assert rank_correlation(*gaps, 2000, seed=1) == (rho, low, high)
    # Fisher's approximation with Bonett and Wright's variance, for comparison.
    spread = ((1 + rho**2 / 2) / (40 - 3)) ** 0.5
    expected = np.tanh(np.arctanh(rho) + spread * np.array([-1.96, 1.96]))
    np.testing.assert_allclose([low, high], expected, atol=0.12)


@given(st.integers(0, 100), st.integers(3, 30))
def test_only_ranks_count(seed, n):
    x, y = np.random.default_rng(seed).normal(size=(2, 1, n))
    rho = spearman(x, y)
    np.testing.assert_allclose(spearman(np.exp(x), y**3), rho)
    np.testing.assert_allclose(spearman(-x, y), -rho)


def test_a_constant_side_has_no_correlation():
    assert np.isnan(spearman(np.ones((1, 5)), np.arange(5.0)[None]))


def test_roc_by_hand():
    scores = np.array([0.9, 0.8, 0.8, 0.1, np.nan])
    false_positive, true_positive = roc_curve(
        scores, np.array([True, True, False, False, True])
    )
    assert false_positive.tolist() == [0, 0, 0.5, 1]
    assert true_positive.tolist() == [0, 0.5, 1, 1]


@given(st.integers(0, 200))
def test_area_equal_to_mann_whitney(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 8, 20).astype(float)
    inside = np.arange(20) < rng.integers(1, 20)
    u = stats.mannwhitneyu(scores[inside], scores[~inside]).statistic
    expected = u / (inside.sum() * (~inside).sum())
    assert area_under_roc(scores, inside) == pytest.approx(expected)


@pytest.mark.parametrize("inside", [[True, True], [False, False]])
def test_a_set_of_all_or_none_is_refused(inside):
    with pytest.raises(ValueError, match="some heads in the set and some outside"):
        roc_curve(np.array([0.1, 0.2]), np.array(inside))


def one_head(layer, head, shape=(3, 4)):
    heads = np.zeros(shape, dtype=bool)
    heads[layer, head] = True
    return heads


def test_one_pair_among_sixteen_by_hand():
    """Of 4 x 4 pairs that could have been it, this one is the highest."""
    value = np.random.default_rng(0).uniform(size=(3, 4, 3, 4))
    value[0, 1, 2, 3] = 2
    difference, p = pair_permutation_test(
        value, one_head(0, 1), one_head(2, 3), 4000, seed=0
    )
    eligible = [value[a, :, b].sum() for a, b in ((0, 1), (0, 2), (1, 2))]
    assert difference == pytest.approx(2 - (sum(eligible) - 2) / 47)
    assert p == pytest.approx(1 / 16, abs=0.015)


def test_values_that_are_all_the_same_say_nothing():
    value = np.full((3, 4, 3, 4), 0.3)
    found = pair_permutation_test(value, one_head(0, 1), one_head(1, 3), 50, seed=0)
    assert found == (pytest.approx(0), 1)


def test_p_is_uniform_when_roles_do_not_matter():
    rng = np.random.default_rng(3)
    earlier, later = rng.uniform(size=(2, 4, 6)) < 0.3
    p = [
        pair_permutation_test(rng.normal(size=(4, 6, 4, 6)), earlier, later, 99, seed)[
            1
        ]
        for seed in range(200)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_pairs_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="got 0 and 48"):
        pair_permutation_test(
            np.ones((3, 4, 3, 4)), one_head(2, 1), one_head(0, 1), 10, seed=0
        )


def test_the_area_against_every_permutation_within_layers():
    scores = np.random.default_rng(3).normal(size=(3, 4))
    scores[1] += 5  # depth alone gains nothing
    inside = np.zeros((3, 4), dtype=bool)
    inside[1, 0] = inside[1, 2] = inside[2, 1] = True
    area = area_under_roc(scores.ravel(), inside.ravel())
    areas = []
    for pair in combinations(range(4), 2):
        for one in range(4):
            other = np.zeros_like(inside)
            other[1, list(pair)] = other[2, one] = True
            areas.append(area_under_roc(scores.ravel(), other.ravel()))
    expected = np.mean([each >= area - 1e-12 for each in areas])
    assert 0.1 < expected < 0.9
    found = area_permutation_test(scores, inside, 4000, seed=1)
    assert found == pytest.approx(expected, abs=0.03)
    # A layer without values changes nothing, and has nothing to say alone.
    gap = np.vstack([np.full(4, np.nan), scores]), np.vstack([inside[:1], inside])
    assert area_permutation_test(*gap, 4000, seed=1) == found
    alone = np.zeros((2, 4), dtype=bool)
    alone[0, 0] = True
    assert np.isnan(area_permutation_test(gap[0][:2], alone, 10, seed=1))


def test_the_highest_heads_of_their_layers_are_no_accident():
    scores = np.arange(32.0).reshape(8, 4)
    inside = np.zeros((8, 4), dtype=bool)
    inside[:, 3] = True
    assert area_permutation_test(scores, inside, 999, seed=1) == 0.001
