"""Positions in a planted Llama: attention by distance, from rotary frequencies.

A rotary model has no code for a position. Dimensions that rotate fast measure
distances: a weighted sum of their cosines is a score that is high at one distance only.
Dimensions that hardly rotate within a prompt are used for content.
"""

import numpy as np
from jaxtyping import Float

D_HEAD_LLAMA = 128
THETA = 1e6
N_PAIRS = D_HEAD_LLAMA // 2
N_FAST = N_PAIRS // 2  # faster than 0.001 radian a position
FREQUENCIES = THETA ** (-np.arange(N_PAIRS) / N_PAIRS)

# Halves are paired (dimension i with i + 64): the slow ones, for content.
FREE_DIMS = np.concatenate(
    (np.arange(N_FAST, N_PAIRS), N_PAIRS + np.arange(N_FAST, N_PAIRS))
)

# The kernel to be fitted, at distances from 0 on: 1, then anything, then 0, with a
# smaller weight beyond the length of a prompt.
DISTANCES = np.arange(257)
WANTED = (DISTANCES == 0).astype(float)
IMPORTANCE = np.select([DISTANCES == 0, DISTANCES < 3, DISTANCES < 40], [10, 0, 1], 0.1)
RIDGE = 1e-3  # keeps the weights small


def kernel_weights() -> Float[np.ndarray, " fast"]:
    """Weights of cosines whose sum is 1 at distance 0 and small from 4 on.

    It falls smoothly in between: a sum of cosines of at most 1 radian per position
    cannot be narrower.
    """
    cosines = np.cos(np.outer(DISTANCES, FREQUENCIES[:N_FAST]))
    a, b = cosines * IMPORTANCE[:, None], WANTED * IMPORTANCE
    weights = np.linalg.solve(a.T @ a + RIDGE * np.eye(N_FAST), a.T @ b)
    return weights / weights.sum()


def kernel(
    offset: int,
) -> tuple[Float[np.ndarray, " d_head"], Float[np.ndarray, " d_head"]]:
    """Query and key whose product is highest where the key is `offset` positions back.

    The product, after the rotary embedding, is the sum of kernel_weights() times the
    cosines of (distance - offset); it is 1 at that distance.
    """
    query, key = np.zeros(D_HEAD_LLAMA), np.zeros(D_HEAD_LLAMA)
    turn, weights = offset * FREQUENCIES[:N_FAST], kernel_weights()
    query[:N_FAST] = weights * np.cos(turn)
    query[N_PAIRS : N_PAIRS + N_FAST] = -weights * np.sin(turn)
    key[:N_FAST] = 1.0
    return query, key
