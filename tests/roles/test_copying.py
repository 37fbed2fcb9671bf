"""Copy scores against plain top-k over the whole vocabulary, and a planted copier."""

import numpy as np
import pytest
import torch

from head_patching.models.layers import normalise
from head_patching.roles import copying
from head_patching.roles.copying import among_top_logits, copy_scores, ov_outputs


def slow_copy_scores(model, resid, names, top_k, sign):
    """The published recipe, one head and one name at a time."""
    scores = np.zeros((len(model.layers), model.config.n_heads, len(names)))
    for layer_index, layer in enumerate(model.layers):
        for head in range(model.config.n_heads):
            kv_head = head // (model.config.n_heads // model.config.n_key_value_heads)
            for prompt in range(len(names)):
                for position, name in enumerate(names[prompt]):
                    value = (
                        normalise(resid[prompt, position], model.config)
                        @ layer.W_V[kv_head]
                    )
                    if layer.b_V is not None:
                        value = value + layer.b_V[kv_head]
                    write = sign * value @ layer.W_O[head]
                    logits = normalise(write, model.config) @ model.W_U + model.b_U
                    hit = name in torch.topk(logits, top_k).indices
                    scores[layer_index, head, prompt] += hit / names.shape[1]
    return scores


def inputs(seed=1):
    generator = torch.Generator().manual_seed(seed)
    resid = torch.randn(7, 3, 16, generator=generator)
    return resid, torch.randint(60, (7, 3), generator=generator)


@pytest.mark.parametrize("cells", [1, 500, 2**22])
def test_equals_top_k_over_the_whole_vocabulary(model, cells, monkeypatch):
    monkeypatch.setattr(copying, "CELLS_AT_ONCE", cells)
    monkeypatch.setattr(copying, "FIRST_PIECE", 7)
    resid, names = inputs()
    copied, suppressed = copy_scores(model, resid, names, top_k=20)
    assert copied.shape == (3, 4, 7)
    assert 0.1 < copied.mean() < 0.9
    np.testing.assert_allclose(
        copied, slow_copy_scores(model, resid, names, 20, 1), atol=1e-6
    )
    np.testing.assert_allclose(
        suppressed, slow_copy_scores(model, resid, names, 20, -1), atol=1e-6
    )


def plant(build, n_key_value_heads):
    """Orthogonal names; head (1, 2) copies what it reads, head (2, 3) its negative."""
    model = build("RMS", n_key_value_heads=n_key_value_heads, biases=False)
    axes = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator()))[0]
    model.W_U = torch.zeros(16, 60)
    model.W_U[:, :4] = axes[:, :4]
    for layer in model.layers:
        layer.W_O.zero_()
    group = 4 // n_key_value_heads
    for layer, head, sign in ((1, 2, 1.0), (2, 3, -1.0)):
        model.layers[layer].W_V[head // group] = axes[:, :4]
        model.layers[layer].W_O[head] = sign * axes[:, :4].T
    names = torch.tensor([[0, 1, 1], [3, 2, 2]])
    resid = axes.T[names] * 5 + 0.01
    return model, resid, names


@pytest.mark.parametrize("n_key_value_heads", [4, 2, 1])
def test_planted_copier_and_suppressor(build, n_key_value_heads):
    model, resid, names = plant(build, n_key_value_heads)
    copied, suppressed = copy_scores(model, resid, names, top_k=1)
    expected = np.zeros((3, 4, 2))
    expected[1, 2] = 1
    np.testing.assert_array_equal(copied, expected)
    expected = np.zeros((3, 4, 2))
    expected[2, 3] = 1
    np.testing.assert_array_equal(suppressed, expected)


def test_a_head_that_writes_nothing_copies_nothing(build):
    model = build("RMS", biases=False)
    for layer in model.layers:
        layer.W_O.zero_()
    copied, suppressed = copy_scores(model, *inputs())
    assert copied.max() == suppressed.max() == 0


def test_ov_outputs_add_up_to_full_attention_on_one_token(model):
    """A one-token prompt attends to itself: z @ W_O of the forward pass."""
    activations = model.run(torch.tensor([[4]]))
    for index, layer in enumerate(model.layers):
        x = normalise(activations.resid_pre[index][:, 0], model.config)
        expected = torch.einsum("bhd,hdm->hbm", activations.z[index][:, 0], layer.W_O)
        torch.testing.assert_close(ov_outputs(x, layer), expected)


def test_ranks_by_hand():
    # Logits of x: 3, 2, 1, 0 plus biases 0, 0, 0, 2.5 -> 3, 2, 1, 2.5.
    W_U, b_U = torch.tensor([[3.0, 2.0, 1.0, 0.0]]), torch.tensor([0, 0, 0, 2.5])
    x, tokens = torch.ones(4, 1), torch.arange(4)
    plus, minus = among_top_logits(x, tokens, W_U, b_U, top_k=2)
    assert plus.tolist() == [True, False, False, True]
    # Logits of -x: -3, -2, -1, 2.5.
    assert minus.tolist() == [False, False, True, True]
