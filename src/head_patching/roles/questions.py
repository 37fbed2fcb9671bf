"""The questions that are asked of heads along one path, and how answers are joined.

Whether a head matters along a path depends on how one asks. Noising asks whether it is
necessary, denoising whether it suffices (Heimersheim & Nanda 2024, arXiv 2404.15255).
One corruption may change what the head passes on, another make it fall silent; and a
head that does a job together with others shows nothing alone. A path counts when any
question shows it, so that the tests of all questions are corrected for together.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# How much of what a group does is put down to one head.
ALONE, GIVEN_BACK, SHARE = WAYS = "alone", "given back", "share of the group"


class Question(NamedTuple):
    """How a head is patched along a path.

    Parameters
    ----------
    corruption
        Where its other output comes from.
    direction
        `noising` or `denoising`.
    silenced
        Names of heads whose outputs are the corrupt run's meanwhile, joined by `+`.
    patched
        The head `alone`; what it does when all others of its group are patched and it
        is `given back`; or its `share of the group` (its Shapley value).
    """

    corruption: str = ""
    direction: str = ""
    silenced: str = ""
    patched: str = ""


# Of criteria that are measured in one way.
NO_QUESTION = Question()


def joined_p(
    p_values: Float[np.ndarray, " question *axes"], n_asked: int
) -> np.ndarray:
    """One p-value for "no question shows an effect", from one for each question.

    Simes's: the least of n p_(k) / k, p_(k) being the k-th smallest (Simes 1986, doi
    10.1093/biomet/73.3.751). Valid when the tests are positively dependent, as those of
    one head on the same prompts are.

    Parameters
    ----------
    p_values
        Of the questions that were answered; 1 where a head was not tested.
    n_asked
        Number of all questions. Those without an answer count with p = 1.
    """
    ordered = np.sort(p_values, axis=0)
    ranks = np.arange(1, len(ordered) + 1).reshape(-1, *[1] * (ordered.ndim - 1))
    return np.minimum((n_asked * ordered / ranks).min(axis=0), 1.0)


def best_answer(
    values: Float[np.ndarray, " question *axes"],
    p_values: Float[np.ndarray, " question *axes"],
    n_asked: int,
    rate: float,
) -> np.ndarray:
    """Index of the question that shows best how each head helps the answer.

    That is the largest effect among those that pass the test of their question alone,
    at the rate divided by the number of questions; else the smallest p-value. Effects
    have signs: while others are silenced a head may hurt, which does not make up for
    what it does in the intact model.
    """
    passes = p_values * n_asked <= rate
    size = np.where(passes, values, -np.inf)
    least = np.argmin(np.where(np.isnan(values), np.inf, p_values), axis=0)
    return np.where(passes.any(axis=0), np.argmax(size, axis=0), least)
