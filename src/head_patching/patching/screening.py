"""Screening: estimate all heads, confirm the strongest exactly, bound what was missed.

A mode beyond the exact limit, for large models; never the default. Attribution patching
ranks the heads; the strongest by estimate are patched exactly, in batches, until a
whole batch stays below the threshold. All other heads keep their estimates, marked as
such (`confirmed` is 0), and none of them is called important.

What may have been missed is bounded as in Kramar et al. 2024 (AtP*, arXiv 2403.00745,
section 4.2, diagnostics): random halves of the remaining heads are patched together,
exactly. If one remaining head had a large effect, the halves that contain it would
differ from those that do not.
"""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float
from scipy import stats

from head_patching.metrics import normalised_effect
from head_patching.models.transformer import Model
from head_patching.patching.attribution import estimate_effects
from head_patching.patching.cache import PairBatch, run_pairs
from head_patching.patching.experiment import HeadPatcher, base_and_source
from head_patching.patching.head_sets import Head, sweep_sets
from head_patching.patching.sweep import answer_tokens, read_out
from head_patching.tasks.pairs import PromptPairs

CONFIRMED_AT_ONCE = 20


def screen_heads(
    model: Model,
    pairs: PromptPairs,
    direction: str = "denoising",
    threshold: float = 0.02,
    n_sets: int = 10,
    seed: int = 0,
) -> xr.Dataset:
    """Output patching of all heads: exact where it matters, estimated elsewhere.

    Parameters
    ----------
    threshold
        Effects from here on count: heads are confirmed until a batch stays below.
    n_sets
        Random halves of the remaining heads that are patched together.

    Returns
    -------
    xarray.Dataset
        As `HeadPatcher.run`, with `confirmed` (layer, head) and the attributes
        `missed_bound` (no remaining head's effect is larger, at 95 % confidence for
        each head) and `remaining_effect` (of the remaining heads patched together).
    """
    estimated = estimate_effects(model, pairs, "output", direction)
    results = estimated.rename(estimated_logit_diff="logit_diff")
    guess = np.abs(normalised_effect(results).values)
    order = [
        (int(layer), int(head))
        for layer, head in zip(
            *np.unravel_index(np.argsort(-guess, axis=None), guess.shape), strict=True
        )
    ]
    confirmed = np.zeros(guess.shape, dtype=np.int8)
    batches = list(run_pairs(model, pairs, HeadPatcher(model).pairs_per_batch(pairs)))
    for start in range(0, len(order), CONFIRMED_AT_ONCE):
        heads = order[start : start + CONFIRMED_AT_ONCE]
        exact = HeadPatcher(model).run(
            pairs, "output", direction, batches=batches, heads=heads
        )
        effects = normalised_effect(exact)
        for layer, head in heads:
            results.logit_diff[layer, head] = exact.logit_diff[layer, head]
            confirmed[layer, head] = 1
        if max(abs(float(effects[head])) for head in heads) < threshold:
            break
    remaining = [head for head in order if not confirmed[head]]
    results["confirmed"] = (("layer", "head"), confirmed)
    results.attrs["method"] = "screened: estimates except where confirmed"
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
    """Largest effect that a remaining head may have, and their effect together."""
    generator = np.random.default_rng(seed)
    member = balanced_halves(len(remaining), n_sets, generator)
    sets = [
        [head for head, inside in zip(remaining, row, strict=True) if inside]
        for row in (*member, np.ones(len(remaining), dtype=bool))
    ]
    values = np.empty((len(sets), len(pairs)), np.float32)
    with torch.inference_mode():
        for batch in batches:
            base, source = base_and_source(batch, direction)
            final = sweep_sets(model, base, source.z, sets, batch.first)
            answers = answer_tokens(model, pairs, batch.indices)
            logits = batch.clean.final_logits
            read = read_out(model, final, *answers, logits, ("logit_diff",))
            values[:, batch.indices] = read["logit_diff"].cpu().numpy()
    measured = xr.Dataset(
        {
            "logit_diff": (("head_set", "pair"), values),
            "clean_logit_diff": results.clean_logit_diff,
            "corrupt_logit_diff": results.corrupt_logit_diff,
        },
        attrs=results.attrs,
    )
    effects = normalised_effect(measured).values
    return main_effect_bound(effects[:-1], member), float(effects[-1])


def balanced_halves(
    n_heads: int, n_sets: int, generator: np.random.Generator
) -> Bool[np.ndarray, "set head"]:
    """Random halves in complementary pairs: each head is in half of the sets."""
    halves = []
    for _ in range(max(2, n_sets) // 2):
        inside = generator.permutation(n_heads) < max(1, n_heads // 2)
        halves += [inside, ~inside]
    kept = [row for row in halves if row.any()]
    return np.array(kept)


def main_effect_bound(
    effects: Float[np.ndarray, " set"],
    member: Bool[np.ndarray, "set head"],
    confidence: float = 0.95,
) -> float:
    """Upper bound of any head's main effect, from the effects of sets.

    For each head, sets with it are compared with sets without it (Welch's interval);
    the bound is the largest end of these intervals, by absolute value. Infinite when
    there are too few sets on either side to tell.
    """
    bounds = []
    for inside in member.T:
        if min(inside.sum(), (~inside).sum()) < 2:
            return float("inf")
        test = stats.ttest_ind(effects[inside], effects[~inside], equal_var=False)
        interval = test.confidence_interval(confidence)
        bounds += [abs(interval.low), abs(interval.high)]
    return float(np.max(bounds))
