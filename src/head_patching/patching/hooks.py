"""Hooks of single patched runs, among many that go through a layer together.

As a hook of TransformerLens does, they replace an activation of some heads. They are
needed where one patch replaces something in several layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class OutputHook:
    """In one patched run, z of some heads of a layer is replaced by given values.

    Parameters
    ----------
    patch
        The patched run, by its number on the result's axis of patches.
    heads
        Their numbers in the layer.
    z
        The values, in the order of `heads`.
    positions
        Where they are replaced (None: at all positions of the suffix).
    """

    patch: int
    heads: Sequence[int]
    z: Float[Tensor, "batch suffix_pos hooked_head d_head"]
    positions: Bool[Tensor, "batch suffix_pos"] | None = None

    def apply(
        self, z: Float[Tensor, "batch query_pos head d_head"], query_pos: slice
    ) -> None:
        """Replace them, in place, in z of all heads at the queries' positions."""
        replaced = self.z[:, query_pos]  # [batch query_pos hooked_head d_head]
        if self.positions is not None:
            where = self.positions[:, query_pos, None, None]
            replaced = torch.where(where, replaced, z[:, :, self.heads])
        z[:, :, self.heads] = replaced


@dataclass(frozen=True)
class InputHook:
    """In one patched run, q, k or v of some heads of a layer is replaced.

    With grouped-query attention each query head has its own copy of the replaced key or
    value.

    Parameters
    ----------
    patch
        The patched run, by its number on the result's axis of patches.
    heads
        Their numbers in the layer.
    activation
        `q`, `k` or `v`.
    values
        The values, in the order of `heads`.
    positions
        Where they are replaced, counted in the suffix.
    """

    patch: int
    heads: Sequence[int]
    activation: str
    values: Float[Tensor, "batch read_pos hooked_head d_head"]
    positions: slice

    def apply(self, activation: Float[Tensor, "batch suffix_pos head d_head"]) -> None:
        """Replace them, in place, in the activation of all heads."""
        activation[:, self.positions, self.heads] = self.values


Hook = OutputHook | InputHook
