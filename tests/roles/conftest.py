"""Tiny models with random weights, in the shapes the engine supports."""

import pytest
import torch

from head_patching.models.shape import ModelConfig
from head_patching.models.transformer import Model
from head_patching.models.weights import LayerWeights


def tiny_model(
    normalization="LN",
    n_key_value_heads=4,
    parallel=False,
    gated=False,
    biases=True,
    n_layers=3,
    d_vocab=60,
    n_ctx=64,
    seed=0,
):
    generator = torch.Generator().manual_seed(seed)

    def weight(*shape):
        return torch.randn(*shape, generator=generator) / shape[-2 % len(shape)] ** 0.5

    def bias(size):
        return torch.randn(size, generator=generator) if biases else None

    config = ModelConfig(
        name="tiny",
        architecture="tiny",
        n_layers=n_layers,
        n_heads=4,
        n_key_value_heads=n_key_value_heads,
        d_model=16,
        d_head=4,
        d_mlp=24,
        d_vocab=d_vocab,
        n_ctx=n_ctx,
        normalization=normalization,
        eps=1e-5,
        act_fn="gelu",
        gated_mlp=gated,
        parallel_attn_mlp=parallel,
    )
    n_qkv = (4 + 2 * n_key_value_heads) * 4
    layers = [
        LayerWeights(
            config=config,
            W_QKV=weight(16, n_qkv),
            b_QKV=bias(n_qkv),
            W_O=weight(4, 4, 16),
            b_O=bias(16),
            W_gate=weight(16, 24) if gated else None,
            b_gate=bias(24) if gated else None,
            W_in=weight(16, 24),
            b_in=bias(24),
            W_out=weight(24, 16),
            b_out=bias(16),
        )
        for _ in range(n_layers)
    ]
    return Model(
        config=config,
        layers=layers,
        W_E=weight(d_vocab, 16),
        W_pos=weight(n_ctx, 16),
        rotary_cos=None,
        rotary_sin=None,
        W_U=weight(16, d_vocab),
        b_U=torch.randn(d_vocab, generator=generator) if biases else torch.zeros(60),
    )


SHAPES = {
    "gpt2": {},
    "llama": {
        "normalization": "RMS",
        "n_key_value_heads": 2,
        "gated": True,
        "biases": False,
    },
    "neox": {"parallel": True},
}


@pytest.fixture(params=SHAPES, scope="session")
def model(request):
    """One tiny model of each architecture."""
    return tiny_model(**SHAPES[request.param])


@pytest.fixture(scope="session")
def build():
    """The function that builds a tiny model."""
    return tiny_model
