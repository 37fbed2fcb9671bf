"""Attribution patching: a first-order estimate of every patch from one backward pass.

A patch adds a vector to the residual stream, so to first order it moves logit_diff by
the inner product of that vector with the gradient of logit_diff where attention
writes (Nanda 2023, "Attribution patching"; Kramar et al. 2024, AtP*, arXiv 2403.00745,
whose exact treatment of q and k this shares: deltas go through the true softmax). One
gradient serves all heads and all patch types.

It is an estimate: effects that saturate or that pass through later attention can be far
off. It is used to rank heads before exact patching (`screening`), never in its place;
its results carry their own variable name, `estimated_logit_diff`.
"""

from collections.abc import Iterable

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.transformer import Activations, Model, forward
from head_patching.patching.cache import PairBatch, run_pairs
from head_patching.patching.deltas import PatchType, head_deltas
from head_patching.patching.experiment import base_and_source, empty_results
from head_patching.patching.sweep import answer_tokens
from head_patching.tasks.pairs import PromptPairs

PAIRS_PER_BATCH = 32


def estimate_effects(
    model: Model,
    pairs: PromptPairs,
    patch_type: PatchType = "output",
    direction: str = "denoising",
    batches: Iterable[PairBatch] | None = None,
) -> xr.Dataset:
    """Estimated logit_diff of every patched run, all positions patched.

    Returns
    -------
    xarray.Dataset
        `estimated_logit_diff` with dimensions (layer, head, pair), and the exact
        `clean_logit_diff` and `corrupt_logit_diff` per pair.
    """
    model.require_engine("attribution patching")
    results = empty_results(model, pairs, [None], ()).isel(position=0, drop=True)
    results = results.rename(logit_diff="estimated_logit_diff")
    results.attrs |= {
        "patch_type": patch_type,
        "direction": direction,
        "method": "attribution patching (first-order estimate)",
    }
    for batch in batches or run_pairs(model, pairs, PAIRS_PER_BATCH):
        answers = answer_tokens(model, pairs, batch.indices)
        for name, run in (("clean", batch.clean), ("corrupt", batch.corrupt)):
            values = logit_diff(run.final_logits, *answers)
            results[f"{name}_logit_diff"].values[batch.indices] = values.cpu().numpy()
        base, source = base_and_source(batch, direction)
        prompts = [pairs[index] for index in batch.indices]
        tokens = torch.tensor(
            [
                pair.corrupt_tokens if base is batch.corrupt else pair.clean_tokens
                for pair in prompts
            ],
            device=model.device,
        )
        gradient = residual_gradient(model, tokens, *answers)
        change = estimated_change(
            model, base, source, patch_type, batch.first, gradient
        )
        unpatched = logit_diff(base.final_logits, *answers)
        values = (unpatched + change).cpu().numpy()
        results.estimated_logit_diff.values[:, :, batch.indices] = values
    return results


def residual_gradient(
    model: Model,
    tokens: Int[Tensor, "batch position"],
    answer: Int[Tensor, " batch"],
    wrong_answer: Int[Tensor, " batch"],
) -> Float[Tensor, "layer batch position d_model"]:
    """Gradient of logit_diff with respect to what attention writes at each layer."""
    shape = (model.config.n_layers, *tokens.shape, model.config.d_model)
    added = torch.zeros(shape, device=model.device, requires_grad=True)
    with torch.enable_grad():
        logits = forward(model, tokens, added).final_logits
        logit_diff(logits, answer, wrong_answer).sum().backward()
    return added.grad


@torch.no_grad()
def estimated_change(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: PatchType,
    first: int,
    gradient: Float[Tensor, "layer batch position d_model"],
) -> Float[Tensor, "layer head batch"]:
    """Inner product of each head's delta with the gradient."""
    changes = []
    for layer, weights in enumerate(model.layers):
        delta = head_deltas(
            model.config, weights.W_O, base, source, layer, patch_type, first
        )
        along = gradient[layer, :, first:]
        changes.append(torch.einsum("hbpm,bpm->hb", delta, along))
    return torch.stack(changes)


def agreement(estimated: xr.Dataset, exact: xr.Dataset, top: int = 20) -> dict:
    """How well estimates agree with exact effects over heads.

    Returns Pearson's and Spearman's correlation of mean changes of logit_diff, the
    share of the `top` exact heads among the `top` estimated ones, and the largest
    single error (logit) with its head.
    """
    from scipy.stats import pearsonr, spearmanr

    direction = exact.attrs["direction"]
    base = exact[
        "corrupt_logit_diff" if direction == "denoising" else "clean_logit_diff"
    ]
    true = (exact.logit_diff - base).mean("pair").values
    guess = (estimated.estimated_logit_diff - base).mean("pair").values
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
