"""Shapley values: what each head of a group contributes to the effect of the group.

The Shapley value of a head is what it adds to the effect of the heads patched before
it, averaged over all orders in which the group can be patched (Shapley 1953). Over the
group the values sum to the joint effect. Where heads add up, each has its own effect;
where one of several heads suffices, they share the joint effect equally, though each
alone has none; and a head that changes nothing in any company has 0.

Groups of up to `EXACT` heads are measured in all their subsets. Larger ones are sampled
in orders that are rotations of a random one and of its reverse, so that each head takes
each place equally often (Mitchell et al. 2022, arXiv 2104.12199, on such variance
reduction). `tests/roles/test_shapley.py` compares with the average over all orders.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np
from jaxtyping import Float

# Of 2 ** EXACT subsets; a path costs the same for a set as for one head.
EXACT = 6

Subset = frozenset[int]


def orders(n_heads: int, n_random: int, seed: int) -> list[list[int]]:
    """The sampled orders of a group: rotations of random orders and their reverses."""
    rng = np.random.default_rng([seed, n_heads])
    found = []
    for _ in range(n_random):
        drawn = rng.permutation(n_heads).tolist()
        for base in (drawn, drawn[::-1]):
            found += [base[turn:] + base[:turn] for turn in range(n_heads)]
    return found


def subsets(n_heads: int, n_random: int, seed: int) -> list[Subset]:
    """The subsets that a group's Shapley values need, without the empty one.

    Parameters
    ----------
    n_heads
        Size of the group.
    n_random
        Random orders of a group of more than `EXACT` heads; each stands for twice as
        many orders as there are heads.
    seed
        Of the random orders.
    """
    members = range(n_heads)
    if n_heads <= EXACT:
        needed = {
            frozenset(chosen)
            for size in range(1, n_heads + 1)
            for chosen in combinations(members, size)
        }
    else:
        needed = {
            frozenset(order[:size])
            for order in orders(n_heads, n_random, seed)
            for size in range(1, n_heads + 1)
        }
        # Each head alone, and all others without it, say what one head does.
        needed |= {frozenset([head]) for head in members}
        needed |= {frozenset(members) - {head} for head in members}
    return sorted(needed, key=lambda subset: (len(subset), sorted(subset)))


def shapley_values(
    effects: Mapping[Subset, Float[np.ndarray, " pair"]],
    n_heads: int,
    n_random: int,
    seed: int,
) -> Float[np.ndarray, "head pair"]:
    """The Shapley value of every head of a group, pair by pair.

    Parameters
    ----------
    effects
        Of every subset that `subsets` names, in any unit; the empty one has none.
    n_heads, n_random, seed
        As in `subsets`.
    """
    n_pairs = len(next(iter(effects.values())))
    of = {**effects, frozenset(): np.zeros(n_pairs)}
    values = np.zeros((n_heads, n_pairs))
    if n_heads > EXACT:
        sampled = orders(n_heads, n_random, seed)
        for order in sampled:
            for place, head in enumerate(order):
                before = frozenset(order[:place])
                values[head] += of[before | {head}] - of[before]
        return values / len(sampled)
    for head in range(n_heads):
        others = [other for other in range(n_heads) if other != head]
        for size in range(n_heads):
            weight = factorial(size) * factorial(n_heads - size - 1)
            for chosen in combinations(others, size):
                before = frozenset(chosen)
                values[head] += weight * (of[before | {head}] - of[before])
    return values / factorial(n_heads)


def in_group(heads: Sequence, subset: Subset) -> list:
    """The heads of a subset, in the order of the group."""
    return [head for index, head in enumerate(heads) if index in subset]
