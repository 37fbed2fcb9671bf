"""Shapley values against the average over all orders, and by hand."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from head_patching.roles.shapley import EXACT, orders, shapley_values, subsets


def over_all_orders(effects, n_heads):
    """What each head adds to those before it, averaged over all orders."""
    of = {**effects, frozenset(): np.zeros(len(next(iter(effects.values()))))}
    added = []
    for order in permutations(range(n_heads)):
        of_order = np.zeros((n_heads, len(of[frozenset()])))
        for place, head in enumerate(order):
            before = frozenset(order[:place])
            of_order[head] = of[before | {head}] - of[before]
        added.append(of_order)
    return np.mean(added, axis=0)


def game(n_heads, value, n_random=2):
    """The effect of each needed subset, of two pairs: once and twice a value."""
    needed = subsets(n_heads, n_random, seed=0)
    return {subset: np.array([1.0, 2.0]) * value(subset) for subset in needed}


@settings(max_examples=25, deadline=None)
@given(n_heads=st.integers(1, 5), seed=st.integers(0, 1000))
def test_exact_values_are_the_average_over_all_orders(n_heads, seed):
    rng = np.random.default_rng(seed)
    effects = {each: rng.normal(size=3) for each in subsets(n_heads, 1, 0)}
    assert len(effects) == 2**n_heads - 1
    found = shapley_values(effects, n_heads, 1, 0)
    np.testing.assert_allclose(found, over_all_orders(effects, n_heads), atol=1e-12)
    whole = effects[frozenset(range(n_heads))]
    np.testing.assert_allclose(found.sum(axis=0), whole, atol=1e-12)


@pytest.mark.parametrize("n_heads", [3, EXACT, EXACT + 2])
def test_heads_that_stand_in_for_each_other_share_equally_and_idle_ones_get_nothing(
    n_heads,
):
    """All but the first head must be patched for anything to change."""
    needed = frozenset(range(1, n_heads))
    effects = game(n_heads, lambda subset: float(needed <= subset), n_random=30)
    found = shapley_values(effects, n_heads, 30, 0)
    assert found[0].tolist() == [0, 0]
    # Exact, or sampled in 30 x 2 x n orders.
    atol = 1e-12 if n_heads <= EXACT else 0.06
    expected = np.tile([1.0, 2.0], (n_heads - 1, 1)) / (n_heads - 1)
    np.testing.assert_allclose(found[1:], expected, atol=2 * atol)
    assert (found[1:] > 0).all()


@pytest.mark.parametrize("n_heads", [4, EXACT + 3])
def test_heads_that_add_up_have_their_own_effects(n_heads):
    own = np.arange(n_heads) - 1.5
    effects = game(n_heads, lambda subset: own[sorted(subset)].sum())
    found = shapley_values(effects, n_heads, 2, 0)
    np.testing.assert_allclose(found, own[:, None] * [1.0, 2.0], atol=1e-12)


def test_sampled_orders_put_each_head_in_each_place_equally_often():
    drawn = np.array(orders(7, n_random=3, seed=5))
    assert drawn.shape == (3 * 2 * 7, 7)
    for place in drawn.T:
        assert np.bincount(place).tolist() == [6] * 7
    assert orders(7, 3, 5) == drawn.tolist()
    assert orders(7, 3, 6) != drawn.tolist()
