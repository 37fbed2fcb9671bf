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
off. It is used to choose heads for exact patching (`screening`, `choice`). Where a
table shows it for a head that was not chosen, it is marked, and decides nothing. Its
results have their own variable names, `estimated_change` and `estimated_logit_diff`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.chunks import label_positions
from head_patching.patching.deltas import z_changes
from head_patching.patching.estimates import AT_POSITIONS, estimated_runs
from head_patching.patching.gradients import run_with_gradient
from head_patching.patching.readout import (
    answer_tokens,
    base_and_source,
    empty_results,
    position_labels,
)
from head_patching.patching.runs import PairBatch, batches_of_pairs, each_pair_once
from head_patching.patching.workers import workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES

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
    estimates = estimate_changes(
        model, pairs, [patch_type], [direction], on_batch=on_batch
    )
    return estimated_runs(estimates, patch_type, direction)


def estimate_changes(
    model: Model,
    pairs: PromptPairs,
    patch_types: Sequence[str] = tuple(PATCH_TYPES),
    directions: Sequence[str] = tuple(DIRECTIONS),
    positions: Sequence[str] = (),
    batches: Iterable[PairBatch] | None = None,
    on_batch: OnBatch = lambda batch: None,
) -> xr.Dataset:
    """Estimated change of logit_diff by every patch; the gradients are taken once.

    Parameters
    ----------
    patch_types, directions
        Names of `terms.PATCH_TYPES` and `terms.DIRECTIONS`.
    positions
        Names of positions at which the output alone is patched, too.
    batches
        The pairs' cached activations: what comes before the first difference is then
        not run again.
    on_batch
        Is given the activations of both runs, as a by-product.

    Returns
    -------
    xarray.Dataset
        `estimated_change` (patch_type, direction, layer, head, pair), and
        `estimated_change_by_position` (direction, layer, head, pair, position), in
        logits; the exact `clean_logit_diff` and `corrupt_logit_diff` per pair.
    """
    model.require_engine("attribution patching")
    estimates = empty_estimates(model, pairs, patch_types, directions, positions)

    def estimate(part: tuple[int, Sequence[int], Activations | None]) -> None:
        on_batch(estimate_batch(model, pairs, *part, estimates))

    with workers() as run_all:
        run_all(estimate, parts(pairs, batches))
    return estimates


def parts(
    pairs: PromptPairs, batches: Iterable[PairBatch] | None
) -> Iterator[tuple[int, Sequence[int], Activations | None]]:
    """Some pairs at a time: first difference, pairs, clean run up to it if cached."""
    if batches is None:
        for first, indices in batches_of_pairs(pairs, PAIRS_PER_THREAD):
            yield first, indices, None
        return
    for batch in each_pair_once(pairs, batches):
        rows = range(len(batch.indices))
        for start in range(0, len(rows), PAIRS_PER_THREAD):
            part = batch.select(rows[start : start + PAIRS_PER_THREAD])
            before = part.clean.until(part.first) if part.first else None
            yield part.first, part.indices, before


def empty_estimates(
    model: Model,
    pairs: PromptPairs,
    patch_types: Sequence[str],
    directions: Sequence[str],
    positions: Sequence[str],
) -> xr.Dataset:
    """The results of `estimate_changes`, to be filled in."""
    labels = position_labels(pairs, positions) if positions else [None]
    results = empty_results(model, pairs, labels)
    kinds = {"patch_type": list(patch_types), "direction": list(directions)}
    shape = results.sizes["layer"], results.sizes["head"], results.sizes["pair"]
    sizes = len(patch_types), len(directions), *shape
    changes = {
        "estimated_change": ((*kinds, "layer", "head", "pair"), np.zeros(sizes, "f4"))
    }
    if positions:
        changes["estimated_change_by_position"] = (
            ("direction", *results.logit_diff.dims),
            np.zeros((len(directions), *results.logit_diff.shape), "f4"),
        )
    estimates = results.drop_vars("logit_diff").assign(changes).assign_coords(kinds)
    return estimates.assign_attrs(method="attribution patching (first-order estimate)")


def estimate_batch(
    model: Model,
    pairs: PromptPairs,
    first: int,
    indices: Sequence[int],
    before: Activations | None,
    estimates: xr.Dataset,
) -> PairBatch:
    """Fill in all estimates of some pairs; returns their activations.

    Parameters
    ----------
    first
        The first position in which their clean and corrupt run differ.
    indices
        The pairs, counted in the whole set.
    before
        Their run up to that position; computed when None.
    estimates
        As `empty_estimates` made it; its axes say what is estimated.
    """
    answers = answer_tokens(model, pairs, indices)
    batch, gradient = run_with_gradient(model, pairs, first, indices, *answers, before)
    for name, run in (("clean", batch.clean), ("corrupt", batch.corrupt)):
        read = logit_diff(run.final_logits, *answers).cpu().numpy()
        estimates[f"{name}_logit_diff"].values[batch.indices] = read
    along_z = [
        torch.einsum("bpm,hdm->bphd", of_layer, weights.W_O)
        for of_layer, weights in zip(gradient, model.layers, strict=True)
    ]
    kinds = (estimates["patch_type"].values, estimates["direction"].values)
    for i, patch_type in enumerate(kinds[0].tolist()):
        for j, direction in enumerate(kinds[1].tolist()):
            runs = base_and_source(batch, direction)
            change = estimated_change(model, *runs, patch_type, first, along_z)
            total = change.sum(dim=-1).cpu().numpy()  # [layer head batch]
            estimates.estimated_change.values[i, j][..., batch.indices] = total
            if patch_type == AT_POSITIONS and "position" in estimates.dims:
                values = estimates.estimated_change_by_position.values[j]
                fill_in_positions(pairs, batch, change, estimates.position, values)
    return batch


def fill_in_positions(
    pairs: PromptPairs,
    batch: PairBatch,
    change: Float[Tensor, "layer head batch suffix_pos"],
    labels: xr.DataArray,
    values: Float[np.ndarray, "layer head pair position"],
) -> None:
    """The change at each named position alone; none before the first difference."""
    for index, label in enumerate(labels.values.tolist()):
        in_suffix = np.array(label_positions(pairs, batch, label)) - batch.first
        rows = np.flatnonzero(in_suffix >= 0)
        here = change[:, :, rows, in_suffix[rows]].cpu().numpy()
        values[:, :, np.array(batch.indices)[rows], index] = here


@torch.no_grad()
def estimated_change(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: str,
    first: int,
    along_z: Sequence[Float[Tensor, "batch suffix_pos head d_head"]],
) -> Float[Tensor, "layer head batch suffix_pos"]:
    """Inner product of each head's delta with the gradient, in logits.

    At each position alone: their sum is the estimate for all positions at once.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that patches come from.
    first
        The first position in which they differ.
    along_z
        Gradient of logit_diff with respect to what each layer's heads write, taken
        through W_O to their z: a tenth of the work of deltas in the residual stream.
    """
    by_layer = []
    for layer, gradient in enumerate(along_z):
        change = z_changes(model, base, source, layer, patch_type, first)
        by_layer.append((change * gradient).sum(dim=-1).permute(2, 0, 1))
    return torch.stack(by_layer)
