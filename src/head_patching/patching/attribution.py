"""Attribution patching: a first-order estimate of every patch from two backward passes.

A patch adds a vector to attn_out, so to first order it moves logit_diff by the inner
product of that vector with the gradient with respect to attn_out (Nanda 2023,
"Attribution patching"; Kramar et al. 2024, AtP*, arXiv 2403.00745, who treat q and k
exactly, as here: deltas go through the true softmax). The gradients serve all heads and
all patch types.

The gradient is the mean of those of the base and of the source run: the shortest form
of integrated gradients between them (Hanna et al. 2024, arXiv 2403.17806). The gradient
of the base run alone misses a head whose readers attend elsewhere in that run.

It is an estimate: effects that saturate or that pass through later attention can be far
off. It is used to rank heads before exact patching (`screening`), never in its place;
its results carry their own variable name, `estimated_logit_diff`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.deltas import head_deltas
from head_patching.patching.readout import (
    answer_tokens,
    base_and_source,
    empty_results,
    unpatched_logit_diff,
)
from head_patching.patching.runs import (
    PairBatch,
    batches_of_pairs,
    both_tokens,
    run_both,
)
from head_patching.patching.workers import workers
from head_patching.tasks.pairs import PromptPairs

# Pairs whose graph of one forward pass is in memory at once, in each thread.
PAIRS_PER_THREAD = 8

OnBatch = Callable[[PairBatch], None]


def estimate_effects(
    model: Model,
    pairs: PromptPairs,
    patch_type: str = "output",
    direction: str = "denoising",
    on_batch: OnBatch = lambda batch: None,
) -> xr.Dataset:
    """Estimated logit_diff of every patched run, all positions patched.

    Parameters
    ----------
    patch_type
        A name of `terms.PATCH_TYPES`.
    direction
        `denoising` or `noising`.
    on_batch
        Is given the activations of both runs, as a by-product.

    Returns
    -------
    xarray.Dataset
        `estimated_logit_diff` with dimensions (layer, head, pair), and the exact
        `clean_logit_diff` and `corrupt_logit_diff` per pair.
    """
    (estimated,) = estimate_sweeps(model, pairs, [(patch_type, direction)], on_batch)
    return estimated


def estimate_sweeps(
    model: Model,
    pairs: PromptPairs,
    sweeps: Sequence[tuple[str, str]],
    on_batch: OnBatch = lambda batch: None,
) -> list[xr.Dataset]:
    """What `estimate_effects` returns for several patch types and directions.

    The gradients are taken once for all of them.
    """
    model.require_engine("attribution patching")
    results = [empty_estimates(model, pairs, *sweep) for sweep in sweeps]

    def estimate(batch: tuple[int, Sequence[int]]) -> None:
        on_batch(estimate_batch(model, pairs, *batch, results))

    with workers() as run_all:
        run_all(estimate, batches_of_pairs(pairs, PAIRS_PER_THREAD))
    return results


def empty_estimates(
    model: Model, pairs: PromptPairs, patch_type: str, direction: str
) -> xr.Dataset:
    """The results of one sweep, to be filled in."""
    results = empty_results(model, pairs)
    results = results.rename(logit_diff="estimated_logit_diff")
    return results.assign_attrs(
        patch_type=patch_type,
        direction=direction,
        method="attribution patching (first-order estimate)",
    )


def estimate_batch(
    model: Model,
    pairs: PromptPairs,
    first: int,
    indices: Sequence[int],
    results: Sequence[xr.Dataset],
) -> PairBatch:
    """Fill in all sweeps' results of some pairs; returns their activations.

    Parameters
    ----------
    first
        The first position in which their clean and corrupt run differ.
    indices
        The pairs, counted in the whole set.
    results
        One dataset for each patch type and direction, which its attributes name.
    """
    answers = answer_tokens(model, pairs, indices)
    batch, gradient = run_with_gradient(model, pairs, first, indices, *answers)
    unpatched = {
        f"{name}_logit_diff": logit_diff(run.final_logits, *answers).cpu().numpy()
        for name, run in (("clean", batch.clean), ("corrupt", batch.corrupt))
    }
    for sweep in results:
        base, source = base_and_source(batch, sweep.attrs["direction"])
        change = estimated_change(
            model, base, source, sweep.attrs["patch_type"], first, gradient
        )
        for name, values in unpatched.items():
            sweep[name].values[batch.indices] = values
        values = (logit_diff(base.final_logits, *answers) + change).cpu().numpy()
        sweep.estimated_logit_diff.values[:, :, batch.indices] = values
    return batch


def run_with_gradient(
    model: Model,
    pairs: PromptPairs,
    first: int,
    indices: Sequence[int],
    answer: Int[Tensor, " batch"],
    wrong_answer: Int[Tensor, " batch"],
) -> tuple[PairBatch, Float[Tensor, "layer batch suffix_pos d_model"]]:
    """Both runs of some pairs, and the mean of their gradients of logit_diff.

    The gradient is with respect to attn_out of each layer, from position `first` on.

    Parameters
    ----------
    first
        The first position in which clean and corrupt run differ.
    indices
        The pairs, counted in the whole set.
    answer, wrong_answer
        Their tokens.
    """
    clean, corrupt = both_tokens(model, [pairs[index] for index in indices])
    two_runs, suffix = 2 * len(indices), clean.shape[1] - first
    shape = (model.config.n_layers, two_runs, suffix, model.config.d_model)
    with torch.enable_grad():
        like = {"device": model.device, "dtype": model.W_E.dtype}
        added = torch.zeros(shape, **like, requires_grad=True)
        runs = run_both(model, clean, corrupt, first, added)
        answers = answer, wrong_answer
        sum(logit_diff(run.final_logits, *answers).sum() for run in runs).backward()
    firsts = [first] * len(indices)
    batch = PairBatch(list(indices), firsts, *(run.detached() for run in runs))
    batch.require_finite(model)
    return batch, torch.stack(added.grad.chunk(2, dim=1)).mean(dim=0)


@torch.no_grad()
def estimated_change(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: str,
    first: int,
    gradient: Float[Tensor, "layer batch suffix_pos d_model"],
) -> Float[Tensor, "layer head batch"]:
    """Inner product of each head's delta with the gradient, in logits.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that patches come from.
    first
        The first position in which they differ.
    gradient
        Of logit_diff, with respect to attn_out of each layer.
    """
    by_layer = []
    for layer, weights in enumerate(model.layers):
        delta = head_deltas(
            model.config, weights.W_O, base, source, layer, patch_type, first
        )  # [head batch suffix_pos d_model]
        by_layer.append(torch.einsum("hbpm,bpm->hb", delta, gradient[layer]))
    return torch.stack(by_layer)


def compare_estimates(estimated: xr.Dataset, exact: xr.Dataset, top: int = 20) -> dict:
    """How well estimates agree with exact effects over heads.

    Returns Pearson's and Spearman's correlation of mean changes of logit_diff, the
    fraction of the `top` exact heads among the `top` estimated ones, and the largest
    single error (logit) with its head; all over the pairs that were patched.
    """
    from scipy.stats import pearsonr, spearmanr

    base = unpatched_logit_diff(exact)
    true = (exact.logit_diff - base).mean("pair").values
    estimates = estimated.estimated_logit_diff.sel(pair=exact.pair)
    guess = (estimates - base).mean("pair").values
    order = [np.argsort(-np.abs(x), axis=None)[:top] for x in (true, guess)]
    error = np.abs(guess - true)
    layer, head = np.unravel_index(error.argmax(), error.shape)
    return {
        "pearson": float(pearsonr(true.ravel(), guess.ravel()).statistic),
        "spearman": float(spearmanr(true.ravel(), guess.ravel()).statistic),
        "top": top,
        "top_shared": len(set(order[0].tolist()) & set(order[1].tolist())) / top,
        "largest_error": float(error.max()),
        "largest_error_layer": int(layer),
        "largest_error_head": int(head),
    }
