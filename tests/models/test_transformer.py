"""Our forward pass against TransformerLens's, on every supported architecture."""

import pytest
import torch

from head_patching.models.layers import gelu_tanh, rotate
from head_patching.models.transformer import forward


@pytest.fixture
def tokens():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 53, (3, 9), generator=generator)


def test_every_activation_equals_transformer_lens(prepared, tokens):
    model, bridge = prepared
    logits, cache = bridge.run_with_cache(tokens)
    ours = model.run(tokens)
    scale = logits.abs().max()
    torch.testing.assert_close(
        ours.final_logits / scale, logits[:, -1] / scale, atol=2e-6, rtol=0
    )
    for layer in range(model.config.n_layers):
        for ours_name, name in {
            "resid_pre": "hook_resid_pre",
            "v": "attn.hook_v",
            "z": "attn.hook_z",
            "pattern": "attn.hook_pattern",
        }.items():
            torch.testing.assert_close(
                getattr(ours, ours_name)[layer],
                cache[f"blocks.{layer}.{name}"],
                atol=3e-5,
                rtol=1e-5,
            )


def test_weights_under_their_usual_names(prepared):
    model, bridge = prepared
    for name in ("W_Q", "W_K", "W_V", "W_O"):
        stacked = torch.stack([getattr(layer, name) for layer in model.layers])
        torch.testing.assert_close(stacked, getattr(bridge, name))


def test_selected_activations_are_those_of_the_selected_prompts(prepared, tokens):
    model, _ = prepared
    both = model.run(tokens).select([2, 0])
    alone = model.run(tokens[[2, 0]])
    torch.testing.assert_close(both.z, alone.z)
    torch.testing.assert_close(both.final_logits, alone.final_logits)


def test_an_added_vector_is_in_every_later_residual(prepared, tokens):
    model, _ = prepared
    added = torch.zeros(model.config.n_layers, 3, 9, model.config.d_model)
    added[1, :, 4] = 1.0
    with torch.no_grad():
        changed, plain = forward(model, tokens, added), model.run(tokens)
    torch.testing.assert_close(changed.resid_pre[:2], plain.resid_pre[:2])
    difference = (changed.resid_pre[2] - plain.resid_pre[2]).abs().amax(dim=(0, 2))
    assert difference[:4].max() == 0
    assert difference[4] > 0.5


def test_too_long_a_prompt_is_refused(prepared):
    model, _ = prepared
    with pytest.raises(ValueError, match=r"33 tokens.* at most 32"):
        model.run(torch.zeros(1, 33, dtype=torch.long))


def test_rotation_by_a_quarter_turn():
    # cos = 0, sin = 1 sends the pair (x, y) to (-y, x); the third number is left alone.
    x = torch.tensor([[[[3.0, 4.0, 7.0]]]])
    cos, sin = torch.zeros(1, 2), torch.ones(1, 2)
    assert rotate(x, cos, sin).flatten().tolist() == [-4.0, 3.0, 7.0]


def test_gelu_in_its_tanh_approximation_is_pytorchs():
    x = torch.linspace(-12, 12, 2001)
    expected = torch.nn.functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(gelu_tanh(x), expected, rtol=1e-5, atol=1e-6)
