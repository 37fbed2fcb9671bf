"""Patching by TransformerLens's hooks, for models that the engine does not support.

Same results in the same form as the engine's, one full forward pass per head: slow.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import xarray as xr
from jaxtyping import Bool
from torch import Tensor

from head_patching.metrics import answer_probability, kl_from_clean, logit_diff
from head_patching.models.bridge import load_bridge
from head_patching.models.transformer import Model
from head_patching.patching.reference import reference_logits, run_tokens
from head_patching.patching.runs import group_pairs
from head_patching.tasks.pairs import PromptPairs

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
    labels: Sequence[str | int | None],
    results: xr.Dataset,
    on_progress: Callable[[float], None],
) -> None:
    """Fill in the results of `HeadPatcher.run` (see there), head by head.

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
            share = len(indices) / len(pairs) / len(labels)
            for column, label in enumerate(labels):
                patch_indices(bridge, pairs, indices, label, column, results)
                on_progress(share)


def patch_indices(
    bridge: Any,
    pairs: PromptPairs,
    indices: Sequence[int],
    label: str | int | None,
    column: int,
    results: xr.Dataset,
) -> None:
    """Fill in one position's results for pairs of equal length."""
    direction, patch_type = results.attrs["direction"], results.attrs["patch_type"]
    base, source = run_tokens(pairs, indices, direction)
    answer = torch.tensor([pairs[index].answer_token for index in indices])
    wrong_answer = torch.tensor([pairs[index].wrong_answer_token for index in indices])
    clean, corrupt = (source, base) if direction == "denoising" else (base, source)
    clean_logits = bridge(clean)[:, -1]
    for name, logits in (("clean", clean_logits), ("corrupt", bridge(corrupt)[:, -1])):
        values = logit_diff(logits, answer, wrong_answer).numpy()
        results[f"{name}_logit_diff"].values[indices] = values
    mask = position_mask(pairs, indices, label, base)
    if mask is not None and not mask.any():
        return  # no pair of this length has the position
    for layer in range(bridge.cfg.n_layers):
        heads = [(layer, head) for head in range(bridge.cfg.n_heads)]
        logits = reference_logits(bridge, base, source, heads, patch_type, mask)
        measured = {
            "logit_diff": lambda x: logit_diff(x, answer, wrong_answer),
            "probability": lambda x: answer_probability(x, answer),
            "kl": lambda x: kl_from_clean(clean_logits, x),
        }
        for name, metric in measured.items():
            if name in results:
                values = metric(logits).numpy()
                results[name].values[layer][:, indices, column] = values


def position_mask(
    pairs: PromptPairs, indices: Sequence[int], label: str | int | None, tokens: Tensor
) -> Bool[Tensor, "batch position"] | None:
    """Where each pair is patched: everywhere, or at its own named position."""
    if label is None:
        return None
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for row, index in enumerate(indices):
        position = pairs[index].positions[label] if isinstance(label, str) else label
        if position < tokens.shape[1]:
            mask[row, position] = True
    return mask
