"""The weights of one layer of a decoder-only transformer, folded."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.folded_steps import FoldedSteps
from head_patching.models.shape import ModelConfig


@dataclass(frozen=True)
class LayerWeights(FoldedSteps):
    """One layer's weights; W_Q, W_K and W_V lie side by side in one matrix.

    One large product takes less time than three small ones; the properties give the
    parts under their usual names, as views. The two matrices that a gated MLP reads
    with stay apart: their products together would not fit the processor's cache.
    """

    config: ModelConfig
    W_QKV: Float[Tensor, "d_model qkv"]
    b_QKV: Float[Tensor, " qkv"] | None
    W_O: Float[Tensor, "head d_head d_model"]
    b_O: Float[Tensor, " d_model"] | None
    W_gate: Float[Tensor, "d_model d_mlp"] | None
    b_gate: Float[Tensor, " d_mlp"] | None
    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"] | None
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"] | None

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        return self._reading_heads(0, self.config.n_heads)

    @property
    def W_K(self) -> Float[Tensor, "kv_head d_model d_head"]:
        return self._reading_heads(self.config.n_heads, self.config.n_key_value_heads)

    @property
    def W_V(self) -> Float[Tensor, "kv_head d_model d_head"]:
        first = self.config.n_heads + self.config.n_key_value_heads
        return self._reading_heads(first, self.config.n_key_value_heads)

    @property
    def b_V(self) -> Float[Tensor, "kv_head d_head"] | None:
        if self.b_QKV is None:
            return None
        kv_heads = self.config.n_key_value_heads
        return self.b_QKV.view(-1, self.config.d_head)[-kv_heads:]

    def to(self, device: str, dtype: torch.dtype) -> "LayerWeights":
        """The weights on another device, or in another precision."""
        return replace(self, **moved(self, device, dtype))

    def _reading_heads(self, first: int, count: int) -> Tensor:
        by_head = self.W_QKV.view(self.config.d_model, -1, self.config.d_head)
        return by_head[:, first : first + count].transpose(0, 1)


def moved(weights: Any, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """A dataclass's tensors by name, on a device and in a precision."""
    tensors = {each.name: getattr(weights, each.name) for each in fields(weights)}
    return {
        name: tensor.to(device, dtype)
        for name, tensor in tensors.items()
        if isinstance(tensor, Tensor)
    }
