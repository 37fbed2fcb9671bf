"""The shape of a decoder-only transformer, and the weights of one of its layers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model, in TransformerLens's names."""

    name: str
    architecture: str
    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    normalization: str  # "LN" subtracts the mean, "RMS" does not
    eps: float
    act_fn: str
    gated_mlp: bool
    parallel_attn_mlp: bool  # GPT-NeoX: attention and MLP both read resid_pre

    def __post_init__(self) -> None:
        require_types(vars(self))

    @property
    def group_size(self) -> int:
        """Query heads that share one key-value head (1 without grouping)."""
        return self.n_heads // self.n_key_value_heads

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Every head, as (layer, head)."""
        return list(product(range(self.n_layers), range(self.n_heads)))

    def activation_bytes(self, n_positions: int) -> int:
        """Memory of one prompt's `Activations` without its logits, in bytes."""
        q_and_z, k_and_v = 2 * self.n_heads, 2 * self.n_key_value_heads
        per_position = (
            self.d_model
            + (q_and_z + k_and_v) * self.d_head
            + self.n_heads * n_positions  # the attention pattern
        )
        return 4 * self.n_layers * n_positions * per_position


def config_from(record: Mapping[str, Any]) -> ModelConfig:
    """The shape that `model.json` holds; ValueError when it is not one."""
    expected = {entry.name for entry in fields(ModelConfig)}
    wrong = sorted(expected ^ {*record})
    if wrong:
        state = "is missing" if wrong[0] in expected else "is not known"
        raise ValueError(f"{wrong[0]} {state}")
    require_types(record)
    return ModelConfig(**record)


def require_types(values: Mapping[str, Any]) -> None:
    """Refuse a value that no field of `ModelConfig` of its name can have."""
    for entry in fields(ModelConfig):
        value = values[entry.name]
        if type(value) is not entry.type or (entry.type is int and value < 1):
            kind = "int from 1 on" if entry.type is int else entry.type.__name__
            raise ValueError(f"{entry.name} is {value!r}, expected {kind}")


@dataclass(frozen=True)
class LayerWeights:
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
