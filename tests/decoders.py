"""Small random checkpoints of decoders that TransformerLens does not fold."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from tests.architectures import D_VOCAB, save_model

# Three layers, six query heads of eight dimensions; two key heads where there are some.
SHAPE: dict[str, Any] = {
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "hidden_size": 48,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "vocab_size": D_VOCAB,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

# What stands for each kind of attention and of what is around it.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "norms of q and k": ("qwen3", {"head_dim": 8}),
    "norms on outputs": ("olmo2", {}),
    "capped scores and logits, norms on outputs": (
        "gemma2",
        {"head_dim": 8, "sliding_window": 5, "query_pre_attn_scalar": 8},
    ),
    "a window in some layers, two rotary tables": (
        "gemma3_text",
        {
            "head_dim": 8,
            "sliding_window": 5,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "a window": ("mistral", {"sliding_window": 4, "head_dim": 8}),
    "ALiBi": ("bloom", {"n_layer": 3, "n_head": 6}),
    "parallel, interleaved rotary": ("gptj", {"rotary_dim": 4}),
    "experts": ("mixtral", {"num_local_experts": 4, "head_dim": 8}),
    "sinks and experts": (
        "gpt_oss",
        {
            "head_dim": 8,
            "num_local_experts": 4,
            "sliding_window": 5,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "multiplied residuals and logits": (
        "granite",
        {
            "residual_multiplier": 0.4,
            "logits_scaling": 3.0,
            "embedding_multiplier": 2.0,
        },
    ),
}


def config_of(model_type: str, **settings: Any) -> Any:
    """The configuration of a small model of a type."""
    return AutoConfig.for_model(model_type, **SHAPE | settings)


def save_decoder(model_type: str, settings: dict[str, Any], folder: Path) -> Path:
    """A checkpoint of a small random model of a type."""
    torch.manual_seed(0)
    return save_model(config_of(model_type, **settings), folder)
