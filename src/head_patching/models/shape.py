"""The shape of a decoder-only transformer."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Any


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
