"""Statistics against values worked out by hand, and properties that must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from head_patching import statistics
from head_patching.significance import (
    benjamini_hochberg,
    sign_flip_p,
    sign_flip_p_normal,
)
from head_patching.statistics import (
    bootstrap_mean,
    bootstrap_ratio,
    proportion_interval,
    resampled_group_counts,
    widened,
)

TEMPLATES = np.repeat(["a", "b", "c", "d"], 3)
effects = hnp.arrays(
    np.float64,
    (2, 12),
    elements=st.floats(-10, 10).map(lambda x: round(x, 3)),
)


def test_ratio_of_means_is_not_a_mean_of_ratios():
    # (1 + 6) / (2 + 3) = 1.4; the mean of ratios would be (0.5 + 2) / 2 = 1.25.
    estimate, _, _ = bootstrap_ratio(
        np.array([1.0, 6.0]), np.array([2.0, 3.0]), ["a", "b"], 10, seed=0
    )
    assert estimate == pytest.approx(1.4)


def test_bootstrap_interval_of_two_groups_by_hand():
    # Draws of {0, 4} twice: mean 0 with chance 1/4, 2 with 1/2, 4 with 1/4.
    values = np.array([0.0, 4.0])
    estimate, low, high = bootstrap_mean(values, ["a", "b"], 4000, seed=1)
    assert (estimate, low, high) == (2.0, 0.0, 4.0)
    # The middle half holds only the outcome 2.
    _, low, high = bootstrap_mean(values, ["a", "b"], 4000, seed=1, level=0.4)
    assert (low, high) == (2.0, 2.0)


def test_groups_not_pairs_are_resampled():
    # Pairs alternate within each group; every group has the same mean, so whichever
    # groups are drawn the mean is 1/2.
    values = np.tile([0.0, 1.0], 6)
    groups = np.repeat(["a", "b", "c"], 4)
    _, low, high = bootstrap_mean(values, groups, 500, seed=0)
    assert (low, high) == (0.5, 0.5)


def test_uneven_groups_weigh_by_their_pairs():
    values = np.array([1.0, 1.0, 1.0, 5.0])
    estimate, low, high = bootstrap_mean(values, ["a", "a", "a", "b"], 2000, seed=0)
    assert (estimate, low, high) == (2.0, 1.0, 5.0)


def test_bootstrap_agrees_with_a_loop_over_resamples():
    generator = np.random.default_rng(5)
    values, scale = generator.normal(size=(3, 12)), generator.uniform(1, 2, 12)
    _, low, high = bootstrap_ratio(values, scale, TEMPLATES, 200, seed=9)
    ratios = []
    for counts in resampled_group_counts(4, 200, seed=9):
        drawn = np.concatenate(
            [
                np.tile(np.flatnonzero(name == TEMPLATES), int(times))
                for name, times in zip("abcd", counts, strict=True)
            ]
        )
        ratios.append(values[:, drawn].mean(axis=1) / scale[drawn].mean())
    np.testing.assert_allclose(low, np.quantile(ratios, 0.025, axis=0))
    np.testing.assert_allclose(high, np.quantile(ratios, 0.975, axis=0))


def test_every_resample_draws_as_many_groups_as_there_are():
    counts = resampled_group_counts(7, 100, seed=3)
    assert counts.shape == (100, 7)
    assert (counts.sum(axis=1) == 7).all()


def test_interval_covers_the_truth_about_as_often_as_promised():
    # 400 experiments with 30 templates of 4 pairs, truth 0; the binomial 99.9 %
    # range around 95 % is +- 3.6 %, and the percentile bootstrap undercovers a little.
    generator = np.random.default_rng(0)
    template = np.repeat(np.arange(30), 4)
    values = generator.normal(size=(400, 30))[:, template] + generator.normal(
        size=(400, 120)
    )
    _, low, high = bootstrap_mean(values, template, 1000, seed=0)
    assert 0.90 < ((low <= 0) & (high >= 0)).mean() < 0.985


def test_one_group_has_no_interval():
    estimate, low, high = bootstrap_mean(np.array([1.0, 3.0]), ["a", "a"], 10, seed=0)
    assert estimate == 2.0
    assert np.isnan(low)
    assert np.isnan(high)


def test_sign_flip_enumerates_few_groups():
    # Sums 1, 2, 3: |mean| of the 8 patterns is 6 twice, so p = 2/8.
    assert sign_flip_p(np.array([1.0, 2.0, 3.0]), list("abc"), 100, seed=0) == 0.25
    # Sums 3, -1, 1: totals +-3, +-5, +-1, +-3 -> 6 of 8 reach the observed 3.
    assert sign_flip_p(np.array([3.0, -1.0, 1.0]), list("abc"), 100, seed=0) == 0.75


def test_sign_flip_flips_groups_not_pairs():
    # Twelve equal pairs in one group: only one sign to flip, hence p = 1.
    assert sign_flip_p(np.ones(12), ["a"] * 12, 5000, seed=0) == 1.0


def test_sign_flip_by_sampling_approaches_the_exact_value():
    generator = np.random.default_rng(2)
    values = generator.normal(0.4, 1, size=(5, 12))
    groups = np.arange(12)
    exact = sign_flip_p(values, groups, 2**11, seed=0)
    sampled = sign_flip_p(values, groups, 2**11 - 1, seed=0)
    assert not np.array_equal(exact, sampled)
    np.testing.assert_allclose(sampled, exact, atol=4 * 0.5 / 2047**0.5)


def test_sampled_p_is_never_zero():
    p = sign_flip_p(np.ones(40), np.arange(40), 99, seed=0)
    assert p == pytest.approx(0.01)


def test_a_head_without_any_effect_has_p_one():
    p = sign_flip_p(np.zeros((2, 40)), np.arange(40), 99, seed=0)
    np.testing.assert_array_equal(p, 1)


def test_sign_flip_p_is_uniform_when_there_is_nothing():
    values = np.random.default_rng(8).normal(size=(2000, 20))
    p = sign_flip_p(values, np.arange(20), 999, seed=0)
    # Rejections at 5 %: binomial with standard deviation 0.5 %.
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.02)


@settings(deadline=None)
@given(effects)
def test_sign_symmetry(values):
    p = sign_flip_p(values, TEMPLATES, 100, seed=0)
    np.testing.assert_array_equal(p, sign_flip_p(-values, TEMPLATES, 100, seed=0))
    estimate, low, high = bootstrap_mean(values, TEMPLATES, 50, seed=0)
    mirrored, mirrored_low, mirrored_high = bootstrap_mean(
        -values, TEMPLATES, 50, seed=0
    )
    np.testing.assert_allclose(mirrored, -estimate, atol=1e-9)
    np.testing.assert_allclose(mirrored_low, -high, atol=1e-9)
    np.testing.assert_allclose(mirrored_high, -low, atol=1e-9)
    assert (low <= high).all()


@settings(deadline=None)
@given(effects, st.sampled_from([0.125, 2.0, 1024.0]))
def test_scale_equivariance(values, factor):
    scale = np.linspace(1, 2, 12)
    plain = bootstrap_ratio(values, scale, TEMPLATES, 50, seed=0)
    scaled = bootstrap_ratio(factor * values, scale, TEMPLATES, 50, seed=0)
    for before, after in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(after, factor * before, rtol=1e-9, atol=1e-9)
    both = bootstrap_ratio(factor * values, factor * scale, TEMPLATES, 50, seed=0)
    np.testing.assert_allclose(both, plain, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(
        sign_flip_p(values, TEMPLATES, 100, seed=0),
        sign_flip_p(factor * values, TEMPLATES, 100, seed=0),
    )


@settings(deadline=None)
@given(effects, st.permutations(range(12)))
def test_order_of_pairs_does_not_matter(values, order):
    order = np.array(order)
    np.testing.assert_allclose(
        bootstrap_mean(values[:, order], TEMPLATES[order], 50, seed=0),
        bootstrap_mean(values, TEMPLATES, 50, seed=0),
        atol=1e-9,
    )


def test_normal_sign_flip_by_hand():
    # Sums 3 and 4 of two groups: 7 / sqrt(9 + 16) = 1.4 standard deviations, two-sided
    # p = 2 * 0.0808. Equal groups: 4 / sqrt(4) = 2.
    values = np.array([[1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]])
    p = sign_flip_p_normal(values, ["a", "a", "b"])
    np.testing.assert_allclose(p, 0.1615, atol=5e-5)
    p = sign_flip_p_normal(np.ones((1, 4)), list("abcd"))
    np.testing.assert_allclose(p, 0.0455, atol=5e-5)


def test_a_group_drawn_twice_has_two_signs():
    # Of a, a and c: z = (1 + 1 + 2) / sqrt(1 + 1 + 4) = 1.633, as of three groups.
    p = sign_flip_p_normal(
        np.array([1.0, 5.0, 2.0]), list("abc"), np.array([2.0, 0, 1])
    )
    np.testing.assert_allclose(p, 0.1025, atol=5e-5)
    of_three = sign_flip_p_normal(np.array([1.0, 1.0, 2.0]), list("abc"))
    np.testing.assert_allclose(p, of_three, rtol=1e-12)


@pytest.mark.parametrize("n_groups", [16, 18])
def test_normal_sign_flip_is_close_to_the_exact_p(n_groups):
    generator = np.random.default_rng(4)
    shift = np.linspace(0, 1, 60)[:, None]
    values = generator.normal(shift, 1, size=(60, 2 * n_groups))
    groups = np.arange(2 * n_groups) % n_groups
    exact = sign_flip_p(values, groups, 2 ** (n_groups - 1), seed=0)
    assert exact.min() < 0.001
    assert exact.max() > 0.8
    obtained = sign_flip_p_normal(values, groups)
    np.testing.assert_allclose(obtained, exact, atol=0.03)
    assert np.abs(obtained - exact).mean() < 0.01


def test_normal_sign_flip_of_nothing_is_one():
    p = sign_flip_p_normal(np.zeros((2, 3, 20)), np.arange(20))
    np.testing.assert_array_equal(p, np.ones((2, 3)))


def test_blocks_of_rows_change_nothing(monkeypatch):
    values = np.random.default_rng(0).normal(size=(3, 5, 12))
    whole = bootstrap_mean(values, TEMPLATES, 50, seed=0)
    p = sign_flip_p(values, TEMPLATES, 50, seed=0)
    monkeypatch.setattr(statistics, "CELLS_AT_ONCE", 100)
    np.testing.assert_allclose(bootstrap_mean(values, TEMPLATES, 50, seed=0), whole)
    np.testing.assert_array_equal(sign_flip_p(values, TEMPLATES, 50, seed=0), p)
    assert whole[0].shape == p.shape == (3, 5)


def test_benjamini_hochberg_by_hand():
    # p * 4 / rank = .04, .04, .0533, .5 for the sorted .01, .02, .04, .5.
    q = benjamini_hochberg(np.array([[0.5, 0.01], [0.04, 0.02]]))
    np.testing.assert_allclose(q, [[0.5, 0.04], [0.16 / 3, 0.04]])


def test_benjamini_hochberg_takes_the_smaller_q_of_a_larger_p():
    # .03 * 3 / 2 = .045 exceeds .032 * 3 / 3 = .032: the step-up minimum is .032.
    q = benjamini_hochberg(np.array([0.03, 0.032, 0.02]))
    np.testing.assert_allclose(q, [0.032, 0.032, 0.032])


def test_benjamini_hochberg_equals_that_of_scipy():
    p = np.random.default_rng(0).uniform(size=(30, 9)).round(2) ** 3  # with ties
    expected = stats.false_discovery_control(p, axis=None).reshape(p.shape)
    np.testing.assert_array_equal(benjamini_hochberg(p), expected)


@pytest.mark.parametrize(("n_right", "n"), [(0, 1), (3, 3), (0, 20), (7, 20), (19, 20)])
def test_the_interval_of_a_proportion_equals_that_of_scipy(n_right, n):
    expected = stats.binomtest(n_right, n).proportion_ci(0.9)
    np.testing.assert_allclose(
        proportion_interval(n_right, n, 0.9), expected, atol=1e-9
    )


def test_benjamini_hochberg_of_nothing():
    assert benjamini_hochberg(np.array([])).shape == (0,)


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_q_values_keep_the_order_and_exceed_p(p):
    q = benjamini_hochberg(p)
    assert (q >= p).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= 0).all()


def test_exact_test_agrees_with_scipy():
    values = np.array([0.3, 1.2, -0.4, 0.9, 2.0, 0.1, -0.2, 1.1])
    reference = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    p = sign_flip_p(values, np.arange(8), 1000, seed=0)
    assert p == pytest.approx(reference.pvalue)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_mean(np.ones(3), ["a"], 5, 0), "one group for each pair"),
        (lambda: bootstrap_mean(np.ones(0), [], 5, 0), "at least one pair"),
        (lambda: bootstrap_mean(np.ones(1), ["a"], 0, 0), "at least 1 resample"),
        (lambda: bootstrap_mean(np.ones(1), ["a"], 5, 0, 95.0), "between 0 and 1"),
        (lambda: sign_flip_p(np.array([np.nan]), ["a"], 5, 0), "finite"),
        (lambda: sign_flip_p_normal(np.array([np.nan]), ["a"]), "finite"),
        (lambda: sign_flip_p_normal(np.ones(3), ["a"]), "one group for each pair"),
        (
            lambda: bootstrap_ratio(np.ones(2), np.ones(3), ["a", "b"], 5, 0),
            "one denominator",
        ),
        (
            lambda: bootstrap_ratio(
                np.ones(2), np.array([1.0, -1.0]), ["a", "b"], 5, 0
            ),
            "add up to 0",
        ),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_share_on_which_all_prompts_agree_has_an_interval(value):
    """With n groups the exact one-sided bound at a tail of 2.5 %: 0.025 ** (1 / n)."""
    _, low, high = widened((value, value, value), 10, 0.95)
    far = 0.025**0.1
    assert (low, high) == pytest.approx((far, 1) if value else (0, 1 - far))
    assert widened((0.5, 0.5, 0.5), 10, 0.95) == (0.5, 0.5, 0.5)
    assert widened((value, 0.0, 1.0), 10, 0.95) == (value, 0.0, 1.0)
    assert stats.binom.pmf(10, 10, far) == pytest.approx(0.025)
    one_group = widened((value, np.nan, np.nan), 1, 0.95)
    assert np.isnan(one_group[1:]).all()
