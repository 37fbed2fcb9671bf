"""Deltas: what replacing a part of one head adds to the residual stream.

Replacing a head's q, k, v, pattern or output, at any set of positions, changes only
what that head writes: delta = (z_patched - z_base) @ W_O. One attention per layer with
the source run's part gives the deltas of all its heads.

With grouped-query attention, k and v are replaced for one query head at a time, as if
each query head had its own copy. TransformerLens's `get_act_patch_attn_head_k_all_pos`
replaces the key of a whole group instead: the sum of our deltas over the group's query
heads, propagated as one patch, is its patch.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.lookup import find
from head_patching.models.activations import Activations
from head_patching.models.transformer import (
    attention_pattern,
    head_outputs,
    per_query_head,
)
from head_patching.models.weights import ModelConfig

PatchType = Literal["output", "q", "k", "v", "pattern"]
PATCH_TYPES: tuple[PatchType, ...] = get_args(PatchType)


def head_deltas(
    config: ModelConfig,
    W_O: Float[Tensor, "head d_head d_model"],
    base: Activations,
    source: Activations,
    layer: int,
    patch_type: PatchType,
    first: int,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch suffix d_model"]:
    """What each head of a layer adds, from position `first` on, when patched alone.

    `positions` says where the part is replaced (None: everywhere). For `pattern` it
    is the query position. Before `first` the deltas must be zero; the caller chooses
    it no later than the first position that is patched and differs.
    """
    patched = patched_outputs(config, base, source, layer, patch_type, first, positions)
    change = patched - base_outputs(config, base, layer, patch_type, first)
    return torch.einsum("bphd,hdm->hbpm", change, W_O)


def patched_outputs(
    config: ModelConfig,
    base: Activations,
    source: Activations,
    layer: int,
    patch_type: PatchType,
    first: int,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "batch suffix head d_head"]:
    """z of every head with the named part taken from the source run."""
    find("patch type", patch_type, dict.fromkeys(PATCH_TYPES))

    def part(name: str, wanted: bool) -> Tensor:
        own = getattr(base, name)[layer]
        if not wanted:
            return own
        other = getattr(source, name)[layer]
        if positions is None:
            return other
        return torch.where(positions[:, :, None, None], other, own)

    if patch_type == "output":
        return part("z", True)[:, first:]
    v = per_query_head(part("v", patch_type == "v"), config)
    q = part("q", patch_type == "q")[:, first:]
    k = per_query_head(part("k", patch_type == "k"), config)
    pattern = attention_pattern(q, k, base.padding)
    if patch_type == "pattern":
        other_k = per_query_head(source.k[layer], config)
        other = attention_pattern(source.q[layer][:, first:], other_k, base.padding)
        if positions is not None:
            rows = positions[:, None, first:, None]
            other = torch.where(rows, other, pattern)
        pattern = other
    return head_outputs(pattern, v)


def base_outputs(
    config: ModelConfig,
    base: Activations,
    layer: int,
    patch_type: PatchType,
    first: int,
) -> Float[Tensor, "batch suffix head d_head"]:
    """z of the base run, by the same arithmetic as the patched one.

    A part replaced by an equal part then gives a delta of exactly zero.
    """
    if patch_type == "output":
        return base.z[layer][:, first:]
    return patched_outputs(config, base, base, layer, patch_type, first)
