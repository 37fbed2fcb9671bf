"""Paths, knock-outs, ablations and gradients in models made of modules."""

import numpy as np
import pytest
import torch

from head_patching.metrics import logit_diff
from head_patching.models.transformer import forward
from head_patching.patching.ablation import ablate
from head_patching.patching.attribution import estimate_effects
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.knock_out import knock_out
from head_patching.patching.paths import path_effects
from head_patching.patching.receivers import Receivers
from tests.architectures import random_pairs
from tests.patching.own_passes import own_paths, own_sets
from tests.patching.test_decoders import decoder  # noqa: F401

TOLERANCE = 1e-4  # logit
RECEIVERS = {
    "logits": "logits",
    "q-of-two-layers": Receivers("q", [(2, 2), (1, 0)], "END"),
    "k-at-S2": Receivers("k", [(1, 0), (2, 3)], "S2"),
    "v-everywhere": Receivers("v", [(1, 0), (2, 1)]),
}


def within(obtained, expected, unpatched):
    """Equal as far as rounding goes, where something moved."""
    error = np.abs(obtained - expected).max()
    moved = np.abs(expected - unpatched).max()
    scale = max(1.0, np.abs(expected).max())
    return error < TOLERANCE * scale and moved > 20 * error


@pytest.mark.parametrize("name", RECEIVERS)
def test_every_path_equals_four_passes(decoder, name):  # noqa: F811
    model, own = decoder
    pairs = random_pairs(seed=40, lengths=(7, 9, 7), n_changed=3)
    found = path_effects(model, pairs, "noising", RECEIVERS[name])
    expected = own_paths(model, own, pairs, "noising", RECEIVERS[name])
    unpatched = found.clean_logit_diff.values
    assert within(found.logit_diff.values, expected, unpatched)


def test_heads_knocked_out_and_patched_on_top(decoder):  # noqa: F811
    model, own = decoder
    pairs = random_pairs(seed=41, lengths=(7, 9, 7), n_changed=3)
    found = knock_out(model, pairs, [(0, 1), (1, 2)], "END")
    sets = [[(0, 1), (1, 2)], [(0, 1), (1, 2), (2, 3)]]
    expected = own_sets(model, own, pairs, sets, "END")
    unpatched = found.clean_logit_diff.values
    assert within(found.knocked_out_logit_diff.values, expected[0], unpatched)
    assert within(found.joint_logit_diff.values[2, 3], expected[1], unpatched)


def test_sets_of_heads_ablated(decoder):  # noqa: F811
    model, own = decoder
    pairs = random_pairs(seed=42, lengths=(7, 9, 7))
    sets = [[(0, 0), (0, 3)], [(1, 1), (2, 0), (2, 2)]]
    found = ablate(model, pairs, sets, "zero")
    expected = own_sets(model, own, pairs, sets, "zero")
    assert within(found.logit_diff.values, expected, found.clean_logit_diff.values)


def test_the_gradient_is_that_of_finite_differences(decoder):  # noqa: F811
    model, _ = decoder
    pairs = random_pairs(seed=43, lengths=(7, 7))
    tokens = torch.tensor([pair.clean_tokens for pair in pairs])
    answer, wrong = torch.tensor([1, 2]), torch.tensor([20, 21])
    shape = (model.config.n_layers, *tokens.shape, model.config.d_model)
    added = torch.zeros(shape, requires_grad=True)

    def value(addition):
        logits = forward(model, tokens, addition).final_logits
        return logit_diff(logits, answer, wrong).sum()

    value(added).backward()
    direction, step = added.grad / added.grad.norm(), 1e-2
    with torch.no_grad():
        change = float(value(step * direction) - value(-step * direction))
    assert change / (2 * step) == pytest.approx(float(added.grad.norm()), rel=0.05)


def test_estimates_point_where_patches_do(decoder):  # noqa: F811
    """First-order estimates of the last layer's outputs, where little is in between."""
    model, _ = decoder
    pairs = random_pairs(seed=44, lengths=(7, 7))
    estimated = estimate_effects(model, pairs)
    patched = HeadPatcher(model).run(pairs)
    change = estimated.estimated_logit_diff - estimated.corrupt_logit_diff
    exact = patched.logit_diff - patched.corrupt_logit_diff
    both = change.values[-1].ravel(), exact.values[-1].ravel()
    assert np.corrcoef(*both)[0, 1] > 0.5
