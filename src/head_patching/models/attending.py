"""Attention of a whole run, which remembers what it read and wrote."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.layer import Layer
from head_patching.models.layers import (
    attention_pattern,
    head_outputs,
    per_query_head,
)


class Attention:
    """Attention of one layer to all earlier positions, which remembers what it read.

    Parameters
    ----------
    layer
        Its rule is followed.
    padding
        How many of each prompt's first positions are padding.
    earlier
        Keys and values of the positions before the queries.
    """

    def __init__(
        self,
        layer: Layer,
        padding: Int[Tensor, " batch"] | None,
        earlier: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.layer, self.padding, self.earlier = layer, padding, earlier
        self.kept: tuple[Tensor, ...] = ()  # q, k, v, pattern and z

    def __call__(
        self,
        q: Float[Tensor, "batch position head d_head"],
        k: Float[Tensor, "batch position kv_head d_head"],
        v: Float[Tensor, "batch position kv_head d_head"],
    ) -> Float[Tensor, "batch position head d_head"]:
        if self.earlier is not None:
            # [batch key_pos kv_head d_head]
            k, v = (
                torch.cat(parts, dim=1)
                for parts in zip(self.earlier, (k, v), strict=True)
            )
        keys, values = (per_query_head(each, self.layer.config) for each in (k, v))
        # [batch head query_pos key_pos]
        pattern = attention_pattern(q, keys, self.padding, self.layer.rule)
        z = head_outputs(pattern, values)  # [batch position head d_head]
        self.kept = q, k, v, pattern, z
        return z
