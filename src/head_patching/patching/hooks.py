"""Hooks of single patched runs, among many that go through a layer together.

As a hook of TransformerLens does, they replace an activation of some heads. They are
needed where one patch replaces something in several layers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.terms import Head


@dataclass(frozen=True)
class OutputHook:
    """In one patched run, z of some heads of a layer is replaced.

    Parameters
    ----------
    patch
        The patched run, by its index on the result's axis `patch`.
    heads
        Head indices in the layer.
    z
        The replacement, in the order of `heads`.
    suffix_mask
        Where z is replaced (None: at all positions of the suffix).
    """

    patch: int
    heads: Sequence[int]
    z: Float[Tensor, "batch suffix_pos hooked_head d_head"]
    suffix_mask: Bool[Tensor, "batch suffix_pos"] | None = None

    def overwrite_(
        self, z: Float[Tensor, "batch query_pos head d_head"], query_pos: slice
    ) -> None:
        """Replace, in place, the hooked heads' part of one patched run's z.

        Parameters
        ----------
        z
            Of all heads of the layer, at the positions `query_pos` of the suffix.
        """
        replacement = self.z[:, query_pos]  # [batch query_pos hooked_head d_head]
        if self.suffix_mask is not None:
            where = self.suffix_mask[:, query_pos, None, None]  # [batch query_pos 1 1]
            replacement = torch.where(where, replacement, z[:, :, self.heads])
        z[:, :, self.heads] = replacement


@dataclass(frozen=True)
class InputHook:
    """In one patched run, q, k or v of some heads of a layer is replaced.

    With grouped-query attention each query head has its own copy of the replaced key or
    value.

    Parameters
    ----------
    patch
        The patched run, by its index on the result's axis `patch`.
    heads
        Query heads, by their indices in the layer.
    activation
        `q`, `k` or `v`.
    replacement
        Of that activation, in the order of `heads`.
    suffix_pos
        The positions at which it is replaced, counted from the suffix's first.
    """

    patch: int
    heads: Sequence[int]
    activation: str
    replacement: Float[Tensor, "batch receiver_pos hooked_head d_head"]
    suffix_pos: slice

    def overwrite_(
        self, activation: Float[Tensor, "batch suffix_pos head d_head"]
    ) -> None:
        """Replace, in place, the hooked heads' part of one patched run's activation.

        Parameters
        ----------
        activation
            Of all query heads of the layer, at all positions of the suffix.
        """
        activation[:, self.suffix_pos, self.heads] = self.replacement


Hook = OutputHook | InputHook


@dataclass(frozen=True)
class Held:
    """Heads whose outputs do not react to any patch.

    Parameters
    ----------
    heads
        Heads (layer, head).
    z
        What their z is held at, of all heads.
    mask
        Where it is held.
    """

    heads: Sequence[Head]
    z: Float[Tensor, "layer batch position head d_head"]
    mask: Bool[Tensor, "batch position"]

    def hooks(self, layer: int, patches: Iterable[int], first: int) -> list[OutputHook]:
        """The hooks that hold the heads of a layer in some patched runs.

        Parameters
        ----------
        patches
            Indices of the patched runs.
        first
            First position of the suffix.
        """
        members = [head for at, head in self.heads if at == layer]
        if not members:
            return []
        z, mask = self.z[layer, :, first:, members], self.mask[:, first:]
        return [OutputHook(patch, members, z, mask) for patch in patches]
