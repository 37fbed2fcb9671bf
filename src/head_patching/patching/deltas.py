"""Deltas: what replacing an activation of one head adds to the residual stream.

Replacing a head's q, k, v, pattern or output, at any set of positions, changes only
what that head writes: delta = (z_patched - z_base) @ W_O. It is added to the base run's
attn_out. One attention computation per layer yields the deltas of all its heads.

A patch type is an entry of `terms.PATCH_TYPES` and one function here, which returns z
with the type's activations taken from the source run.

With grouped-query attention, k and v are replaced for one query head at a time, as if
each query head had its own copy. TransformerLens's `get_act_patch_attn_head_k_all_pos`
replaces the key of a whole group instead: the sum of our deltas over the group's query
heads, propagated as one patch, is its patch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.lookup import find
from head_patching.models.activations import Activations
from head_patching.models.attention import PLAIN, AttentionRule
from head_patching.models.layers import (
    attention_pattern,
    head_outputs,
    per_query_head,
)
from head_patching.models.shape import ModelConfig
from head_patching.models.transformer import Model


@dataclass(frozen=True)
class LayerPatch:
    """What a patch type's function needs to compute z of one layer.

    The function replaces the activations of all heads of the layer; as each head's z
    depends on its own activations alone, this patches every head by itself.

    Parameters
    ----------
    config
        The model's shape; k and v have fewer heads than q with grouped-query attention.
    base
        The run that is patched.
    source
        The run that the replacing activations are taken from.
    layer
        Index of the layer.
    first
        First patched position, padding counted: no patch changes anything before it.
        Results have the axis `suffix_pos`, the positions from `first` on.
    mask
        Where activations are replaced (None: everywhere). For a pattern it is the
        query position.
    rule
        How the layer's scores become a pattern.
    """

    config: ModelConfig
    base: Activations
    source: Activations
    layer: int
    first: int
    mask: Bool[Tensor, "batch position"] | None = None
    rule: AttentionRule = PLAIN

    def from_source(self, name: str) -> Float[Tensor, "batch position heads d_head"]:
        """`q`, `k`, `v` or `z` of the layer: the source run's where the mask is true.

        Elsewhere it is the base run's. The axis `heads` has query heads for q and z,
        key-value heads for k and v.
        """
        source = getattr(self.source, name)[self.layer]
        if self.mask is None:
            return source
        base = getattr(self.base, name)[self.layer]
        # the mask as [batch position 1 1]
        return torch.where(self.mask[:, :, None, None], source, base)

    def z(
        self, **replaced: Float[Tensor, "batch position _heads d_head"]
    ) -> Float[Tensor, "batch suffix_pos head d_head"]:
        """z as computed from the base run's q, k and v, those given by name replaced.

        For example `z(k=patch.from_source("k"))`. k and v have key-value heads.
        """
        v = per_query_head(replaced.get("v", self.base.v[self.layer]), self.config)
        return head_outputs(self.pattern(**replaced), v)

    def pattern(
        self, **replaced: Float[Tensor, "batch position _heads d_head"]
    ) -> Float[Tensor, "batch head suffix_pos key_pos"]:
        """The attention pattern of the base run's q and k, those given replaced.

        Queries are from `first` on, keys (`key_pos`) at all positions.
        """
        q = replaced.get("q", self.base.q[self.layer])[:, self.first :]
        k = per_query_head(replaced.get("k", self.base.k[self.layer]), self.config)
        return attention_pattern(q, k, self.base.padding, self.rule)


PatchFunction = Callable[[LayerPatch], Float[Tensor, "batch suffix_pos head d_head"]]

PATCH_FUNCTIONS: dict[str, PatchFunction] = {}


def patch_type(name: str) -> Callable[[PatchFunction], PatchFunction]:
    """Register the decorated function under a name of `terms.PATCH_TYPES`.

    The function returns z of all heads of a layer with what the type replaces replaced.
    """

    def registered(function: PatchFunction) -> PatchFunction:
        PATCH_FUNCTIONS[name] = function
        return function

    return registered


@patch_type("output")
def patch_output(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """z itself is the source run's."""
    return patch.from_source("z")[:, patch.first :]


@patch_type("q")
def patch_q(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """z with the source run's queries."""
    return patch.z(q=patch.from_source("q"))


@patch_type("k")
def patch_k(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """z with the source run's keys."""
    return patch.z(k=patch.from_source("k"))


@patch_type("v")
def patch_v(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """z with the source run's values."""
    return patch.z(v=patch.from_source("v"))


@patch_type("pattern")
def patch_pattern(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """z with the source run's attention pattern."""
    layer = patch.layer
    pattern = patch.pattern(q=patch.source.q[layer], k=patch.source.k[layer])
    if patch.mask is not None:
        at_query = patch.mask[:, None, patch.first :, None]  # [batch 1 suffix_pos 1]
        pattern = torch.where(at_query, pattern, patch.pattern())
    return head_outputs(pattern, per_query_head(patch.base.v[layer], patch.config))


def z_changes(
    model: Model,
    base: Activations,
    source: Activations,
    layer: int,
    patch_type: str,
    first: int,
    mask: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "batch suffix_pos head d_head"]:
    """How much z of each head of a layer changes, from `first` on, when patched alone.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that patches come from.
    layer
        Index of the layer.
    patch_type
        A name of `terms.PATCH_TYPES`.
    first
        First patched position, padding counted: no patch changes anything before it.
    mask
        Where activations are replaced (None: everywhere).
    """
    z_of = find("patch type", patch_type, PATCH_FUNCTIONS)
    rule = model.layers[layer].rule
    patch = LayerPatch(model.config, base, source, layer, first, mask, rule)
    # The base run's z by the same arithmetic as the patched one: an activation replaced
    # by an equal one then gives a change of exactly zero.
    unpatched = replace(patch, source=base, mask=None)
    return z_of(patch) - z_of(unpatched)


def head_deltas(
    model: Model,
    base: Activations,
    source: Activations,
    layer: int,
    patch_type: str,
    first: int,
    mask: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch suffix_pos d_model"]:
    """What each head of a layer adds to attn_out, from `first` on, when patched alone.

    Parameters
    ----------
    model, base, source, layer, patch_type, first, mask
        As in `z_changes`.
    """
    z_change = z_changes(model, base, source, layer, patch_type, first, mask)
    # [head batch suffix_pos d_model]
    return torch.einsum("bphd,hdm->hbpm", z_change, model.layers[layer].W_O)
