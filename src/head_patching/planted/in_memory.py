"""A planted model as the engine reads it, without a checkpoint in between.

Of all that transformers and TransformerLens do to a checkpoint, two steps change a
planted model: weights are centred, and the tables of the rotary embedding computed. Its
norms have no weights to fold.

`tests/planted/test_in_memory.py` compares with models prepared from checkpoints.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.shape import ModelConfig
from head_patching.models.transformer import Model
from head_patching.models.weights import LayerWeights
from head_patching.planted.checkpoint import word_tokenizer
from head_patching.planted.circuit import GROUP_SIZE, PlantedModel
from head_patching.planted.heads import D_HEAD
from head_patching.planted.rotary import THETA
from head_patching.planted.weights import (
    D_MLP,
    N_CONTEXT,
    Weights,
    all_weights,
    key_value_heads,
    side_by_side,
)
from head_patching.tasks.vocabulary import Words

# Defaults of transformers' classes.
EPS = {"gpt2": 1e-5, "llama": 1e-6}
ACT_FN = {"gpt2": "gelu_new", "llama": "silu"}
ARCHITECTURE = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM"}


def planted_in_memory(planted: PlantedModel, words: Words) -> Model:
    """The model that `prepare_model` would make of a planted model's checkpoint.

    It is not checked against TransformerLens, as models from checkpoints are.
    """
    tokenizer = word_tokenizer(words)
    weights = all_weights(planted, words, tokenizer)
    config = config_of(planted, len(weights.embedding))
    is_gpt2 = planted.architecture == "gpt2"
    cos, sin = (None, None) if is_gpt2 else rotary_of(config.d_head)
    W_U = tensor(centred(weights.unembedding, 0) if is_gpt2 else weights.unembedding)
    return Model(
        config=config,
        layers=[
            layer_weights(config, weights, index) for index in range(config.n_layers)
        ],
        W_E=tensor(centred(weights.embedding, 1) if is_gpt2 else weights.embedding),
        W_pos=tensor(centred(weights.places, 1)) if is_gpt2 else None,
        rotary_cos=cos,
        rotary_sin=sin,
        W_U=W_U - W_U.mean(dim=1, keepdim=True),
        b_U=torch.zeros(config.d_vocab),
        read_tokenizer=lambda: tokenizer,
    )


def config_of(planted: PlantedModel, n_tokens: int) -> ModelConfig:
    """The model's shape."""
    architecture = planted.architecture
    return ModelConfig(
        name="planted", architecture=ARCHITECTURE[architecture],
        n_layers=planted.n_layers, n_heads=planted.n_heads,
        n_key_value_heads=planted.n_heads // GROUP_SIZE[architecture],
        d_model=planted.d_model, d_head=D_HEAD[architecture], d_mlp=D_MLP,
        d_vocab=n_tokens, n_ctx=N_CONTEXT,
        normalization="LN" if architecture == "gpt2" else "RMS",
        eps=EPS[architecture], act_fn=ACT_FN[architecture],
        gated_mlp=architecture == "llama", parallel_attn_mlp=False,
    )  # fmt: skip


def layer_weights(config: ModelConfig, weights: Weights, index: int) -> LayerWeights:
    """One layer's weights, centred where the norm subtracts the mean."""
    heads, mlp = weights.heads[index], weights.mlps[index]
    sharing = key_value_heads(heads, config.group_size)
    of_parts = (("W_Q", heads), ("W_K", sharing), ("W_V", sharing))
    reading = np.concatenate([side_by_side(of, name) for name, of in of_parts], axis=1)
    writing = np.stack([head.W_O for head in heads])
    entering, leaving = mlp["in"], mlp["out"]
    if config.normalization == "LN":
        reading, entering = centred(reading, 0), centred(entering, 0)
        writing, leaving = centred(writing, 2), centred(leaving, 1)
    return LayerWeights(
        config=config, W_QKV=tensor(reading), b_QKV=None, W_O=tensor(writing), b_O=None,
        W_gate=tensor(mlp["gate"]) if config.gated_mlp else None, b_gate=None,
        W_in=tensor(entering), b_in=None, W_out=tensor(leaving), b_out=None,
    )  # fmt: skip


def rotary_of(
    d_head: int,
) -> tuple[Float[Tensor, "n_ctx d_head"], Float[Tensor, "n_ctx d_head"]]:
    """Cosines and sines by position; dimension i turns with i + d_head / 2."""
    frequencies = 1.0 / THETA ** (torch.arange(0, d_head, 2).float() / d_head)
    angles = torch.arange(N_CONTEXT).float()[:, None] * frequencies
    angles = torch.cat((angles, angles), dim=1)
    return angles.cos(), angles.sin()


def centred(weights: np.ndarray, axis: int) -> np.ndarray:
    """Weights less their mean along the residual stream."""
    return weights - weights.mean(axis=axis, keepdims=True)


def tensor(weights: np.ndarray) -> Tensor:
    """Weights in single precision, as a checkpoint has them."""
    return torch.from_numpy(np.ascontiguousarray(weights)).float()
