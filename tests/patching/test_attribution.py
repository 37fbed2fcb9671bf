"""Attribution patching against finite differences and against exact patching."""

import numpy as np
import pytest
import torch

from head_patching.metrics import logit_diff
from head_patching.models.transformer import forward
from head_patching.patching.attribution import estimate_changes, estimate_effects
from head_patching.patching.deltas import head_deltas
from head_patching.patching.estimates import agreement_of_estimates, estimated_runs
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.gradients import run_with_gradient
from head_patching.patching.runs import both_tokens, run_batch, run_pairs
from head_patching.terms import PATCH_TYPES
from tests.architectures import random_pairs


def run_gradients(model, pairs):
    """Gradient of each run's logit_diff at all positions, straight from `forward`."""
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    gradients = []
    for tokens in both_tokens(model, list(pairs)):
        shape = (model.config.n_layers, *tokens.shape, model.config.d_model)
        added = torch.zeros(shape, requires_grad=True)
        logits = forward(model, tokens, added).final_logits
        logit_diff(logits, answer, wrong).sum().backward()
        gradients.append(added.grad)
    return gradients, answer, wrong


def test_gradient_is_the_mean_of_both_runs(prepared):
    """Also that the shared beginning, run once, leaves no trace."""
    model, _ = prepared
    pairs = random_pairs(seed=30, lengths=(7, 7))
    (clean, corrupt), *answers = run_gradients(model, pairs)
    batch, gradient = run_with_gradient(model, pairs, 2, [0, 1], *answers)
    expected = (clean + corrupt)[:, :, 2:] / 2
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)
    for run, tokens in zip(
        (batch.clean, batch.corrupt), both_tokens(model, list(pairs)), strict=True
    ):
        for name, tensor in forward(model, tokens).by_layer():
            torch.testing.assert_close(getattr(run, name), tensor, msg=name)


def test_estimates_in_double_precision_equal_those_in_single(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=30, lengths=(7, 7))
    single, double = (
        estimate_effects(each, pairs).estimated_logit_diff
        for each in (model, model.to("cpu", torch.float64))
    )
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


def test_gradient_equals_finite_differences(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=30, lengths=(7, 7))
    (gradient, _), *answers = run_gradients(model, pairs)
    tokens, _ = both_tokens(model, list(pairs))
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
        values.append(logit_diff(logits, *answers))
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
    delta = head_deltas(model, batch.corrupt, batch.clean, layer, patch_type, 0)
    gradients, *_ = run_gradients(model, pairs)
    gradient = (gradients[0] + gradients[1])[layer] / 2
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
    perfect = agreement_of_estimates(same, exact, top=5)
    assert perfect["pearson"] == pytest.approx(1)
    assert perfect["spearman"] == pytest.approx(1)
    assert (perfect["top_shared"], perfect["largest_error"]) == (1, 0)
    wrong = same.copy(deep=True)
    wrong.estimated_logit_diff[1, 2] += 100
    shifted = agreement_of_estimates(wrong, exact, top=5)
    assert shifted["largest_error"] == pytest.approx(100, rel=1e-4)
    assert (shifted["largest_error_layer"], shifted["largest_error_head"]) == (1, 2)
    assert shifted["pearson"] < 0.9
    # Where some heads were patched, these alone are compared.
    confirmed = np.ones(exact.logit_diff.shape[:2], dtype=int)
    confirmed[1, 2] = 0
    some = exact.assign(confirmed=(("layer", "head"), confirmed))
    compared = agreement_of_estimates(wrong, some, top=5)
    assert compared["n_heads"] == confirmed.sum() == perfect["n_heads"] - 1
    assert compared["largest_error"] == 0


def test_estimates_at_positions_are_deltas_along_the_gradient_there(prepared):
    """Each position alone, in the layer whose gradient and deltas are at hand."""
    model, _ = prepared
    pairs = random_pairs(seed=33, lengths=(7, 7))
    estimates = estimate_changes(model, pairs, positions=["S2", "END"])
    (clean, corrupt), *_ = run_gradients(model, pairs)
    batch = run_batch(model, pairs, [0, 1], first=2)
    for layer in range(model.config.n_layers):
        delta = head_deltas(
            model, batch.clean, batch.corrupt, layer, "output", 0
        )  # [head batch position d_model]
        along = (delta * (clean + corrupt)[layer] / 2).sum(dim=-1)
        for label in ("S2", "END"):
            rows = [pair.positions[label] for pair in pairs]
            change = estimates.estimated_change_by_position.sel(
                direction="noising", position=label, layer=layer
            )
            expected = along[:, [0, 1], rows].numpy()
            np.testing.assert_allclose(change, expected, rtol=1e-3, atol=1e-4)


def test_a_position_before_the_first_difference_changes_nothing(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=33, lengths=(7, 7), first=4)  # S2 is at 2 and 3
    estimates = estimate_changes(model, pairs, positions=["S2", "END"])
    size = np.abs(estimates.estimated_change_by_position).max(
        ["direction", "layer", "head", "pair"]
    )
    assert float(size.sel(position="S2")) == 0 < float(size.sel(position="END"))


def test_all_estimates_at_once_and_from_cached_runs_are_those_of_each(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=34)
    together = estimate_changes(model, pairs)
    cached = estimate_changes(model, pairs, batches=run_pairs(model, pairs, 64))
    np.testing.assert_allclose(
        cached.estimated_change, together.estimated_change, rtol=1e-3, atol=1e-4
    )
    for patch_type in ("output", "k"):
        alone = estimate_effects(model, pairs, patch_type, "noising")
        runs = estimated_runs(together, patch_type, "noising")
        np.testing.assert_allclose(
            runs.estimated_logit_diff, alone.estimated_logit_diff, atol=1e-4
        )
