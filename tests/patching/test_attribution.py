"""Attribution patching against finite differences and against exact patching."""

import numpy as np
import pytest
import torch

from head_patching.metrics import logit_diff
from head_patching.models.transformer import forward
from head_patching.patching.attribution import (
    agreement,
    estimate_effects,
    residual_gradient,
)
from head_patching.patching.cache import run_batch
from head_patching.patching.deltas import PATCH_TYPES, head_deltas
from head_patching.patching.experiment import HeadPatcher
from tests.architectures import random_pairs


def test_gradient_equals_finite_differences(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=30, lengths=(7, 7))
    tokens = torch.tensor([pair.clean_tokens for pair in pairs])
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    gradient = residual_gradient(model, tokens, answer, wrong)
    direction = torch.randn(
        gradient.shape[1:], generator=torch.Generator().manual_seed(0)
    )
    step = 3e-3
    values = []
    for sign in (1, -1):
        added = torch.zeros_like(gradient)
        added[1] = sign * step * direction
        with torch.no_grad():
            logits = forward(model, tokens, added).final_logits
        values.append(logit_diff(logits, answer, wrong))
    expected = (values[0] - values[1]) / (2 * step)
    obtained = (gradient[1] * direction).sum(dim=(1, 2))
    torch.testing.assert_close(obtained, expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_the_last_layers_estimate_is_its_delta_along_the_gradient(prepared, patch_type):
    model, _ = prepared
    pairs = random_pairs(seed=31, lengths=(7, 7))
    estimated = estimate_effects(model, pairs, patch_type)
    batch = run_batch(model, pairs, [0, 1], first=2)
    layer = model.config.n_layers - 1
    delta = head_deltas(
        model.config, model.layers[layer].W_O, batch.corrupt, batch.clean, layer,
        patch_type, 0,
    )  # fmt: skip
    tokens = torch.tensor([pair.corrupt_tokens for pair in pairs])
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    gradient = residual_gradient(model, tokens, answer, wrong)[layer]
    # In the last layer only END reaches the logits.
    assert float(gradient[:, :-1].abs().max()) == 0
    change = (delta[:, :, -1] * gradient[:, -1]).sum(dim=-1)
    obtained = estimated.estimated_logit_diff - estimated.corrupt_logit_diff
    np.testing.assert_allclose(
        obtained.values[layer], change.numpy(), rtol=1e-3, atol=1e-3
    )


def test_agreement_in_the_exact_values_with_themselves_is_perfect(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=32)
    exact = HeadPatcher(model).run(pairs)
    same = exact.rename(logit_diff="estimated_logit_diff")
    perfect = agreement(same, exact, top=5)
    assert perfect["pearson"] == pytest.approx(1)
    assert perfect["spearman"] == pytest.approx(1)
    assert (perfect["top_shared"], perfect["largest_error"]) == (1, 0)
    wrong = same.copy(deep=True)
    wrong.estimated_logit_diff[1, 2] += 100
    shifted = agreement(wrong, exact, top=5)
    assert shifted["largest_error"] == pytest.approx(100, rel=1e-4)
    assert (shifted["largest_error_layer"], shifted["largest_error_head"]) == (1, 2)
    assert shifted["pearson"] < 0.9
