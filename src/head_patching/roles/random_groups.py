"""Whether a group matters: its joint effect against zero, and against random groups."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from head_patching.patching.effects import Importance
from head_patching.significance import sign_flip_p
from head_patching.statistics import Statistics
from head_patching.terms import Head


def reaches(
    joint: Float[np.ndarray, " pair"],
    scale: Float[np.ndarray, " pair"],
    templates: Sequence[str],
    importance: Importance,
    statistics: Statistics,
) -> bool:
    """Whether a joint effect is as large as the threshold, and significant alone."""
    if abs(joint.mean() / scale.mean()) < importance.threshold or not joint.any():
        return False
    p = sign_flip_p(joint[None], templates, statistics.n_sign_flips, statistics.seed)
    return bool(p[0] <= importance.rate)


def is_larger(
    joint: Float[np.ndarray, " pair"], random: Float[np.ndarray, "group pair"]
) -> bool:
    """Whether the joint effect is larger than that of every random group."""
    return bool((np.abs(random.mean(axis=1)) < abs(joint.mean())).all())


def random_groups(
    heads: Sequence[Head], others: Sequence[Head], n_groups: int, seed: int
) -> list[list[Head]]:
    """Random groups of as many heads in each layer, of heads that are no members.

    Fewer where the layers have too few other heads; each group is drawn once.
    """
    free: dict[int, list[Head]] = {}
    for head in others:
        free.setdefault(head[0], []).append(head)
    rng = np.random.default_rng([seed, len(heads)])
    drawn: list[list[Head]] = []
    for _ in range(n_groups):
        group: list[Head] = []
        for layer in sorted({layer for layer, _ in heads}):
            n_needed = sum(at == layer for at, _ in heads)
            pool = free.get(layer, [])
            picked = rng.permutation(len(pool))[:n_needed]
            group += [pool[index] for index in sorted(picked)]
        if group and group not in drawn:
            drawn.append(group)
    return drawn
