"""TransformerLens's model of a checkpoint, its shape and its weights."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from head_patching.models.integrity import require_as_prepared
from head_patching.models.shape import ModelConfig
from head_patching.models.tokenizer import quiet_transformers

# Positions whose rotation is stored: more than prompts have. The context of some models
# is a million tokens.
MOST_POSITIONS = 16384


def load_bridge(checkpoint: Path | str) -> Any:
    """TransformerLens's model of a checkpoint folder, in the folded convention.

    Raises
    ------
    ValueError
        When its files are not those that the model was prepared from.
    """
    quiet_transformers()
    require_as_prepared(Path(checkpoint), with_weights=True)
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # Whatever it warns of while it loads and folds, the model is compared with
    # transformers' own afterwards. What it says of hooks is shown.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bridge = TransformerBridge.boot_transformers(
            str(checkpoint), device="cpu", dtype=torch.float32, trust_remote_code=False
        )
        bridge.enable_compatibility_mode()
    return bridge


def config_of(bridge: Any, title: str) -> ModelConfig:
    """The shape of TransformerLens's model, in our dataclass."""
    cfg = bridge.cfg
    return ModelConfig(
        name=title,
        architecture=cfg.architecture,
        n_layers=cfg.n_layers,
        n_heads=cfg.n_heads,
        n_key_value_heads=cfg.n_key_value_heads or cfg.n_heads,
        d_model=cfg.d_model,
        d_head=cfg.d_head,
        d_mlp=cfg.d_mlp,
        d_vocab=cfg.d_vocab,
        n_ctx=min(cfg.n_ctx, MOST_POSITIONS),
        normalization="RMS" if cfg.uses_rms_norm else "LN",
        eps=float(cfg.eps),
        act_fn=cfg.act_fn,
        gated_mlp=bool(cfg.gated_mlp),
        parallel_attn_mlp=bool(cfg.parallel_attn_mlp),
    )


@torch.no_grad()
def tensors_of(bridge: Any, config: ModelConfig) -> dict[str, Tensor]:
    """The folded weights of TransformerLens's model, under its names.

    Rotary cosines and sines are read from the model itself, so that no formula of ours
    has to reproduce them.
    """
    tensors: dict[str, Tensor] = {
        "embed.W_E": bridge.W_E,
        "unembed.W_U": bridge.W_U,
        "unembed.b_U": bridge.b_U,
    }
    if hasattr(bridge, "pos_embed"):
        tensors["pos_embed.W_pos"] = bridge.W_pos[: config.n_ctx]
    if hasattr(bridge, "rotary_emb"):
        positions = torch.arange(config.n_ctx)[None]
        like = torch.zeros(1, 1, config.d_model)  # says on which device, and how exact
        cos, sin = bridge.rotary_emb(like, positions)
        tensors["rotary.cos"], tensors["rotary.sin"] = cos[0], sin[0]
    for index, block in enumerate(bridge.blocks):
        for part, names in {
            block.attn: ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O"),
            block.mlp: ("W_in", "W_gate", "W_out", "b_in", "b_gate", "b_out"),
        }.items():
            for name in names:
                tensor = getattr(part, name, None)
                if tensor is not None:
                    room = "attn" if part is block.attn else "mlp"
                    tensors[f"blocks.{index}.{room}.{name}"] = tensor
    return {
        name: tensor.detach().to(torch.float32).contiguous().clone()
        for name, tensor in tensors.items()
    }
