"""Screening: estimate all heads, confirm the strongest exactly, bound what was missed.

A mode beyond the exact limit, for large models; never the default. Attribution patching
ranks the heads; the strongest by estimate are patched exactly, in batches, until a
whole batch stays below the threshold. All other heads keep their estimates, marked as
such (`confirmed` is 0), and none of them is called important.

What may have been missed is estimated in the way of Kramar et al. 2024 (AtP*, arXiv
2403.00745, diagnostics): random sets of the remaining heads are patched together,
exactly. If a remaining head had a large effect, the sets that contain it would differ
from their complements.
"""

from collections.abc import Sequence

import numpy as np
import scipy
import xarray as xr
from jaxtyping import Bool, Float

from head_patching.models.transformer import Model
from head_patching.patching.attribution import estimate_effects
from head_patching.patching.confirmed import confirm, unconfirmed
from head_patching.patching.effects import normalised_effect, unpatched_logit_diff
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.head_sets import sweep_sets
from head_patching.patching.readout import base_and_source, logit_diffs
from head_patching.patching.runs import PairBatch
from head_patching.patching.workers import workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head

CONFIRMED_AT_ONCE = 10


def screen_heads(
    model: Model,
    pairs: PromptPairs,
    direction: str = "denoising",
    threshold: float = 0.02,
    n_sets: int = 8,
    seed: int = 0,
) -> xr.Dataset:
    """Output patching of all heads: exact where it matters, estimated elsewhere.

    Parameters
    ----------
    direction
        `denoising` or `noising`.
    threshold
        Effects from here on count: heads are confirmed until a batch stays below. A
        fraction of the clean less corrupt logit_diff.
    n_sets
        Random sets of the remaining heads that are patched together, half of them the
        complements of the others; at least 4.
    seed
        Of the random sets.

    Returns
    -------
    xarray.Dataset
        As `HeadPatcher.run`, with `confirmed` (layer, head) and the attributes
        `missed_bound` (see `main_effect_bound` for what it can and cannot say) and
        `remaining_effect` (of the remaining heads patched together).
    """
    batches: list[PairBatch] = []
    estimated = estimate_effects(
        model, pairs, "output", direction, on_batch=batches.append
    )
    results = unconfirmed(estimated.rename(estimated_logit_diff="logit_diff"))
    guess = np.abs(normalised_effect(results).values)
    order = [
        (int(layer), int(head))
        for layer, head in zip(
            *np.unravel_index(np.argsort(-guess, axis=None), guess.shape), strict=True
        )
    ]
    for start in range(0, len(order), CONFIRMED_AT_ONCE):
        heads = order[start : start + CONFIRMED_AT_ONCE]
        exact = HeadPatcher(model).run(
            pairs, "output", direction, batches=batches, heads=heads
        )
        confirm(results, exact, heads)
        effects = normalised_effect(results)
        if max(abs(float(effects[head])) for head in heads) < threshold:
            break
    confirmed = results["confirmed"].values
    remaining = [head for head in order if not confirmed[head]]
    if remaining:
        bound, joint = missed_bound(
            model, pairs, batches, results, remaining, direction, n_sets, seed
        )
        results.attrs |= {"missed_bound": bound, "remaining_effect": joint}
    return results


def missed_bound(
    model: Model,
    pairs: PromptPairs,
    batches: Sequence[PairBatch],
    results: xr.Dataset,
    remaining: Sequence[Head],
    direction: str,
    n_sets: int,
    seed: int,
) -> tuple[float, float]:
    """Largest effect that a remaining head may have, and their effect together.

    Both are fractions of the clean less corrupt logit_diff.

    Parameters
    ----------
    batches
        The activations of all pairs.
    results
        With the unpatched runs' logit_diff.
    remaining
        The heads (layer, head) that were not confirmed.
    n_sets
        Random sets of them, complements included.
    seed
        Of the random sets.
    """
    inside = random_sets(len(remaining), n_sets, np.random.default_rng(seed))
    sets = [
        [head for head, taken in zip(remaining, row, strict=True) if taken]
        for row in (*inside, *~inside, np.ones(len(remaining), dtype=bool))
    ]
    # A set without heads leaves the base run as it is.
    values = np.tile(unpatched_logit_diff(results).values, (len(sets), 1))
    filled = [index for index, heads in enumerate(sets) if heads]
    patched = [sets[index] for index in filled]

    def patch_sets(batch: PairBatch) -> None:
        base, source = base_and_source(batch, direction)
        final = sweep_sets(model, base, source.z, patched, batch.first)
        read = logit_diffs(model, pairs, batch, final)  # [set batch]
        values[np.ix_(filled, batch.indices)] = read

    with workers() as run_all:
        run_all(patch_sets, batches)
    measured = xr.Dataset(
        {
            "logit_diff": (("head_set", "pair"), values),
            "clean_logit_diff": results.clean_logit_diff,
            "corrupt_logit_diff": results.corrupt_logit_diff,
        },
        attrs=results.attrs,
    )
    effects = normalised_effect(measured).values
    with_sets, with_complements = np.split(effects[:-1], 2)
    return main_effect_bound(with_sets, with_complements, inside), float(effects[-1])


def random_sets(
    n_heads: int, n_sets: int, generator: np.random.Generator
) -> Bool[np.ndarray, "set head"]:
    """Random sets of heads, half of `n_sets`: a head is in each with probability 1/2.

    Sizes must vary: in sets of one size, an effect that all heads share would not show
    in any comparison of sets.
    """
    return generator.random((max(4, n_sets) // 2, n_heads)) < 0.5


def main_effect_bound(
    effects: Float[np.ndarray, " set"],
    of_complements: Float[np.ndarray, " set"],
    inside: Bool[np.ndarray, "set head"],
    confidence: float = 0.95,
) -> float:
    """Upper bound of any head's main effect, from the effects of sets.

    A set's effect less its complement's is a head's own effect, with a sign that says
    where the head is, plus those of all others with random signs: the mean over sets,
    signed for each head, has that head's effect as its expectation. The bound is the
    largest end of the heads' intervals (Student's t), by absolute value.

    It holds as far as effects add up. A head whose work another remaining head does as
    well, or passes on, has a small main effect and can hide; and few sets give a rough
    bound that depends on the draw. Only patching every head exactly excludes a miss.
    """
    difference = effects - of_complements
    signed = np.where(inside.T, difference, -difference)
    spread = scipy.stats.sem(signed, axis=1)
    reach = scipy.stats.t.ppf((1 + confidence) / 2, len(difference) - 1) * spread
    return float((np.abs(signed.mean(axis=1)) + reach).max())
