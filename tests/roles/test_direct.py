"""Direct effects: they add up to logit_diff, and one is computed by hand."""

import torch

from head_patching.models.activations import Activations
from head_patching.models.transformer import unembed
from head_patching.patching.propagate import final_residual
from head_patching.roles.direct import (
    direct_effects,
    final_scale,
    logit_diff_direction,
)

TOKENS = torch.tensor([[3, 8, 1, 8, 20], [40, 41, 7, 7, 59]])
ANSWERS, WRONG = torch.tensor([5, 6]), torch.tensor([9, 3])


def test_final_residual_gives_the_models_logits(model):
    activations = model.run(TOKENS)
    logits = unembed(model, final_residual(model, activations))
    torch.testing.assert_close(logits, activations.final_logits)


def test_all_writes_together_make_the_logit_diff(model):
    """Embedding + every head + every bias and MLP + unembedding bias = logit_diff."""
    activations = model.run(TOKENS)
    final = final_residual(model, activations)
    after = [*activations.resid_pre[1:, :, -1], final]
    rest = activations.resid_pre[0, :, -1].clone()
    for index, layer in enumerate(model.layers):
        heads = torch.einsum(
            "bhd,hdm->bm", activations.z[index][:, -1], layer.W_O
        )  # [batch d_model]
        rest += after[index] - activations.resid_pre[index, :, -1] - heads
    # The norm by its formula, applied to the part that no head wrote.
    if model.config.normalization == "LN":
        rest = rest - rest.mean(dim=1, keepdim=True)
        size = final.var(dim=1, unbiased=False)
    else:
        size = final.pow(2).mean(dim=1)
    normed = rest / (size + model.config.eps).sqrt()[:, None]
    difference = model.W_U[:, ANSWERS] - model.W_U[:, WRONG]
    others = (normed * difference.T).sum(dim=1) + model.b_U[ANSWERS] - model.b_U[WRONG]

    heads = direct_effects(model, activations, ANSWERS, WRONG)
    assert heads.shape == (3, 4, 2)
    total = heads.sum(dim=(0, 1)) + others
    rows, logits = torch.arange(2), activations.final_logits
    torch.testing.assert_close(total, logits[rows, ANSWERS] - logits[rows, WRONG])


def test_frozen_scale_is_the_whole_runs(model):
    """Removing a head's write before the unembedding, at fixed scale."""
    activations = model.run(TOKENS)
    final = final_residual(model, activations)
    write = activations.z[1][:, -1, 2] @ model.layers[1].W_O[2]
    direction = logit_diff_direction(model, ANSWERS, WRONG)
    scale = final_scale(model, final)
    read = [((x / scale[:, None]) * direction.T).sum(1) for x in (final, final - write)]
    effect = direct_effects(model, activations, ANSWERS, WRONG)[1, 2]
    torch.testing.assert_close(effect, read[0] - read[1])


def test_swapping_the_answers_changes_the_sign(model):
    activations = model.run(TOKENS)
    torch.testing.assert_close(
        direct_effects(model, activations, ANSWERS, WRONG),
        -direct_effects(model, activations, WRONG, ANSWERS),
    )


def test_one_head_by_hand(build):
    """RMSNorm, residual of norm 2 at END; the head writes 3 along an answer's axis."""
    model = build(normalization="RMS", n_layers=1, biases=False)
    model.W_U = torch.zeros(16, 60)
    model.W_U[0, 5], model.W_U[0, 9] = 1.0, -1.0
    layer = model.layers[0]
    layer.W_O.zero_()
    layer.W_O[2, 1, 0] = 1.5
    layer.W_out.zero_()
    resid = torch.zeros(1, 1, 1, 16)
    resid[..., 1] = 4.0
    z = torch.zeros(1, 1, 1, 4, 4)
    z[..., 2, 1] = 2.0
    activations = Activations(
        resid_pre=resid,
        q=z,
        k=z,
        v=z,
        pattern=torch.ones(1, 1, 4, 1, 1),
        z=z,
        final_logits=torch.zeros(1, 60),
    )
    effect = direct_effects(model, activations, torch.tensor([5]), torch.tensor([9]))
    # Residual (3, 4, 0, ...): root mean square 5 / 4. Write 3, read with 1 - (-1).
    expected = torch.zeros(1, 4, 1)
    expected[0, 2] = 2 * 3 / (5 / 4)
    torch.testing.assert_close(effect, expected, atol=1e-4, rtol=1e-4)
