"""Deltas: what replacing a part of one head adds to the residual stream.

Replacing a head's q, k, v, pattern or output, at any set of positions, changes only
what that head writes: delta = (z_patched - z_base) @ W_O. One attention per layer with
the source run's part gives the deltas of all its heads.

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
from head_patching.models.layers import (
    attention_pattern,
    head_outputs,
    per_query_head,
)
from head_patching.models.weights import ModelConfig


@dataclass(frozen=True)
class LayerPatch:
    """One layer of the run that is patched, and of the run that patches come from.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that the replaced activations are taken from.
    first
        The first position of the results (`suffix_pos` counts from it).
    positions
        Where activations are replaced (None: everywhere). For a pattern it is the
        query position.
    """

    config: ModelConfig
    base: Activations
    source: Activations
    layer: int
    first: int
    positions: Bool[Tensor, "batch position"] | None = None

    def from_source(self, name: str) -> Float[Tensor, "batch position head d_head"]:
        """An activation of the base run, the source run's where it is patched."""
        source = getattr(self.source, name)[self.layer]
        if self.positions is None:
            return source
        base = getattr(self.base, name)[self.layer]
        return torch.where(self.positions[:, :, None, None], source, base)

    def z(
        self, **replaced: Float[Tensor, "batch position _ d_head"]
    ) -> Float[Tensor, "batch suffix_pos head d_head"]:
        """z of the base run's attention with some of its q, k and v replaced."""
        v = per_query_head(replaced.get("v", self.base.v[self.layer]), self.config)
        return head_outputs(self.pattern(**replaced), v)

    def pattern(
        self, **replaced: Float[Tensor, "batch position _ d_head"]
    ) -> Float[Tensor, "batch head query_pos key_pos"]:
        """The base run's attention pattern with its q or k replaced."""
        q = replaced.get("q", self.base.q[self.layer])[:, self.first :]
        k = per_query_head(replaced.get("k", self.base.k[self.layer]), self.config)
        return attention_pattern(q, k, self.base.padding)


PatchedZ = Callable[[LayerPatch], Float[Tensor, "batch suffix_pos head d_head"]]

PATCHED_Z: dict[str, PatchedZ] = {}


def patch_type(name: str) -> Callable[[PatchedZ], PatchedZ]:
    """Make a function the one that gives the z of a type of `terms.PATCH_TYPES`."""

    def registered(patched_z: PatchedZ) -> PatchedZ:
        PATCHED_Z[name] = patched_z
        return patched_z

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
    if patch.positions is not None:
        at_query = patch.positions[:, None, patch.first :, None]
        pattern = torch.where(at_query, pattern, patch.pattern())
    return head_outputs(pattern, per_query_head(patch.base.v[layer], patch.config))


def head_deltas(
    config: ModelConfig,
    W_O: Float[Tensor, "head d_head d_model"],
    base: Activations,
    source: Activations,
    layer: int,
    patch_type: str,
    first: int,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch suffix_pos d_model"]:
    """What each head of a layer adds, from position `first` on, when patched alone.

    Parameters
    ----------
    W_O
        The output weights of the layer's heads.
    base
        The run that is patched.
    source
        The run that patches come from.
    patch_type
        A name of `terms.PATCH_TYPES`.
    first
        No later than the first position that is patched and differs between the runs:
        before it, deltas are zero.
    positions
        Where the part is replaced (None: everywhere).
    """
    patched_z = find("patch type", patch_type, PATCHED_Z)
    patch = LayerPatch(config, base, source, layer, first, positions)
    # The base run's z by the same arithmetic as the patched one: a part replaced by an
    # equal part then gives a delta of exactly zero.
    unpatched = replace(patch, source=base, positions=None)
    change = patched_z(patch) - patched_z(unpatched)  # [batch suffix_pos head d_head]
    return torch.einsum("bphd,hdm->hbpm", change, W_O)
