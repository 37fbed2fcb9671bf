"""From tensors under TransformerLens's names (`blocks.0.attn.W_Q`) to a `Model`."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from head_patching.models.shape import ModelConfig
from head_patching.models.transformer import Model
from head_patching.models.weights import LayerWeights


def build_model(config: ModelConfig, tensors: Mapping[str, Tensor]) -> Model:
    """The model with these weights.

    Raises
    ------
    ValueError
        When a weight that the engine needs is missing or not of the model's shape.
    """
    expect(tensors, "embed.W_E", (config.d_vocab, config.d_model))
    for name in ("unembed.W_U", "unembed.b_U"):
        expect(tensors, name)
    return Model(
        config=config,
        layers=[fuse_layer(config, tensors, at) for at in range(config.n_layers)],
        W_E=tensors["embed.W_E"],
        W_pos=tensors.get("pos_embed.W_pos"),
        rotary_cos=tensors.get("rotary.cos"),
        rotary_sin=tensors.get("rotary.sin"),
        W_U=tensors["unembed.W_U"].contiguous(),
        b_U=tensors["unembed.b_U"],
    )


def fuse_layer(
    config: ModelConfig, tensors: Mapping[str, Tensor], index: int
) -> LayerWeights:
    """One layer's weights, with those of queries, keys and values side by side."""
    part = {
        name.rsplit(".", 1)[1]: tensor
        for name, tensor in tensors.items()
        if name.startswith(f"blocks.{index}.")
    }
    for name in ("W_O", "W_in", "W_out"):
        if name not in part:
            raise ValueError(
                f"{config.name} ({config.architecture}) has a layer without {name}: "
                "the engine needs attention and one MLP in every layer"
            )
    n_kv = config.n_key_value_heads
    for name, n_heads in {"W_Q": config.n_heads, "W_K": n_kv, "W_V": n_kv}.items():
        expect(part, name, (n_heads, config.d_model, config.d_head))
    fused = [part[name].transpose(0, 1).flatten(1) for name in ("W_Q", "W_K", "W_V")]
    biases = [part[name].flatten() for name in ("b_Q", "b_K", "b_V") if name in part]
    return LayerWeights(
        config=config,
        W_QKV=torch.cat(fused, dim=1).contiguous(),  # [d_model qkv]
        b_QKV=torch.cat(biases) if biases else None,
        W_O=part["W_O"].contiguous(),
        b_O=part.get("b_O"),
        W_gate=part["W_gate"].contiguous() if "W_gate" in part else None,
        b_gate=part.get("b_gate"),
        W_in=part["W_in"].contiguous(),
        b_in=part.get("b_in"),
        W_out=part["W_out"].contiguous(),
        b_out=part.get("b_out"),
    )


def expect(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...] | None = None
) -> None:
    """Refuse weights without this one, or with another shape of it."""
    if name not in tensors:
        raise ValueError(f"there is no weight {name}")
    found = tuple(tensors[name].shape)
    if shape is not None and found != shape:
        raise ValueError(f"weight {name} has shape {found}, expected {shape}")


def require_finite(where: Path | str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are NaN or infinite."""
    for name, tensor in tensors.items():
        # NaN and infinity reach the extremes: one pass, without an array of truths.
        if tensor.numel() and not torch.stack(tensor.aminmax()).isfinite().all():
            raise ValueError(f"{where}: weight {name} holds NaN or infinite values")
