"""Patching by TransformerLens's hooks, for models that the engine does not support.

Same results in the same form as the engine's, one full forward pass per head: slow.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import xarray as xr

from head_patching.metrics import answer_probability, kl_from_clean, logit_diff
from head_patching.models.bridge import load_bridge
from head_patching.models.transformer import Model
from head_patching.patching.readout import PositionLabel, fill_in
from head_patching.patching.reference import (
    position_mask,
    reference_logits,
    run_tokens,
)
from head_patching.patching.runs import group_pairs
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, RUNS

PAIRS_PER_BATCH = 32


def warn_of_fallback(model: Model, failed: Sequence[str]) -> None:
    """Say once, in one line, why patching will be slow."""
    warnings.warn(
        f"{model.config.name} fails the engine's check of {', '.join(failed)}: "
        "patching through TransformerLens's hooks, one forward pass per head",
        stacklevel=3,
    )


@torch.no_grad()
def patch_by_hooks(
    model: Model,
    pairs: PromptPairs,
    labels: Sequence[PositionLabel],
    results: xr.Dataset,
    on_progress: Callable[[float], None],
) -> None:
    """Fill in the results of `HeadPatcher.run` (see there), head by head.

    Parameters
    ----------
    labels
        One for each entry of the results' axis of positions.
    results
        As `empty_results` made it; its attributes say what is patched.
    on_progress
        Called with the fraction of the whole work that was just done.

    Raises
    ------
    ValueError
        When the model was not loaded from a prepared folder, which has its checkpoint.
    """
    if model.folder is None:
        raise ValueError(f"{model.config.name} has no checkpoint folder to patch with")
    bridge = load_bridge(model.folder / "checkpoint")
    for members in group_pairs(pairs).values():
        for start in range(0, len(members), PAIRS_PER_BATCH):
            indices = members[start : start + PAIRS_PER_BATCH]
            fraction = len(indices) / len(pairs) / len(labels)
            for position_index, label in enumerate(labels):
                patch_indices(bridge, pairs, indices, label, position_index, results)
                on_progress(fraction)


def patch_indices(
    bridge: Any,
    pairs: PromptPairs,
    indices: Sequence[int],
    label: PositionLabel,
    position_index: int,
    results: xr.Dataset,
) -> None:
    """Fill in one position's results for pairs of equal length.

    Parameters
    ----------
    indices
        The pairs, counted in the whole set.
    label
        The position that is patched (None: all).
    position_index
        Where it is on the results' axis of positions.
    """
    direction, patch_type = results.attrs["direction"], results.attrs["patch_type"]
    base, source = run_tokens(pairs, indices, direction)
    answer = torch.tensor([pairs[index].answer_token for index in indices])
    wrong_answer = torch.tensor([pairs[index].wrong_answer_token for index in indices])
    runs = DIRECTIONS[direction]
    tokens = {runs.base: base, runs.source: source}
    logits = {run: bridge(tokens[run])[:, -1] for run in RUNS}  # [batch d_vocab]
    for run in RUNS:
        values = logit_diff(logits[run], answer, wrong_answer).numpy()
        results[f"{run}_logit_diff"].values[indices] = values
    mask = position_mask(pairs, indices, label)
    if mask is not None and not mask.any():
        return  # no pair of this length has the position
    for layer in range(bridge.cfg.n_layers):
        heads = [(layer, head) for head in range(bridge.cfg.n_heads)]
        patched = reference_logits(bridge, base, source, heads, patch_type, mask)
        read = {"logit_diff": logit_diff(patched, answer, wrong_answer)}
        if "probability" in results:
            read["probability"] = answer_probability(patched, answer)
        if "kl" in results:
            read["kl"] = kl_from_clean(logits["clean"], patched)
        values = {name: each.numpy() for name, each in read.items()}
        fill_in(results, heads, indices, position_index, values)
