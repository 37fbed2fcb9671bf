"""Every patched head against TransformerLens's hooks."""

import numpy as np
import pytest
import torch

from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.reference import reference_logits, run_tokens
from head_patching.terms import DIRECTIONS, PATCH_TYPES
from tests.architectures import random_pairs
from tests.patching import swept

TOLERANCE = 1e-4  # logit


def reference_logit_diff(model, bridge, pairs, patch_type, direction, label=None):
    """logit_diff [layer head pair] by hooks alone."""

    def by_hooks(base, source, heads, mask):
        return reference_logits(bridge, base, source, heads, patch_type, mask)

    return swept.reference_logit_diff(model, pairs, direction, by_hooks, label)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_every_head_equals_the_hooks(prepared, patch_type, direction):
    model, bridge = prepared
    pairs = random_pairs(seed=1, n_changed=2)
    obtained = HeadPatcher(model).run(pairs, patch_type, direction)
    expected = reference_logit_diff(model, bridge, pairs, patch_type, direction)
    assert np.abs(obtained.logit_diff.values - expected).max() < TOLERANCE
    base = obtained.corrupt_logit_diff if direction == "denoising" else None
    base = obtained.clean_logit_diff if base is None else base
    # A patch that does nothing would equal the base run: most heads must move it.
    moved = np.abs(expected - base.values).max(axis=2) > 10 * TOLERANCE
    assert moved.mean() > 0.5


@pytest.mark.parametrize("first", [0, 6])
@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_prompts_that_share_nothing_or_all_but_the_end(prepared, patch_type, first):
    model, bridge = prepared
    pairs = random_pairs(seed=3, lengths=(7, 7, 7), first=first)
    obtained = HeadPatcher(model).run(pairs, patch_type)
    expected = reference_logit_diff(model, bridge, pairs, patch_type, "denoising")
    assert np.abs(obtained.logit_diff.values - expected).max() < TOLERANCE


@pytest.mark.parametrize("label", ["S2", "END"])
@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_only_each_prompts_own_position_is_patched(prepared, patch_type, label):
    model, bridge = prepared
    pairs = random_pairs(seed=2, n_changed=2)
    obtained = HeadPatcher(model).run(pairs, patch_type, "denoising", [label])
    expected = reference_logit_diff(
        model, bridge, pairs, patch_type, "denoising", label
    )
    assert obtained.position.values.tolist() == [label]
    difference = obtained.logit_diff.sel(position=label).values - expected
    assert np.abs(difference).max() < TOLERANCE


@pytest.mark.parametrize("patch_type", ["output", "k"])
def test_transformer_lens_own_patching_function(prepared, patch_type):
    """`get_act_patch_attn_head_*_all_pos`, which patches whole groups for k."""
    from transformer_lens import patching

    model, bridge = prepared
    config = model.config
    if patch_type == "k" and config.group_size > 1:
        pytest.skip("TransformerLens patches the keys of a whole group")
    pairs = random_pairs(seed=4, lengths=(8, 8, 8))
    corrupt, clean = run_tokens(pairs, range(3), "denoising")
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    rows = torch.arange(3)

    def metric(logits):
        return (logits[rows, -1, answer] - logits[rows, -1, wrong]).mean()

    _, clean_cache = bridge.run_with_cache(clean)
    functions = {
        "output": patching.get_act_patch_attn_head_out_all_pos,
        "k": patching.get_act_patch_attn_head_k_all_pos,
    }
    with torch.no_grad():
        expected = functions[patch_type](bridge, corrupt, clean_cache, metric)
    obtained = HeadPatcher(model).run(pairs, patch_type).logit_diff.mean("pair")
    assert np.abs(obtained.values - expected.numpy()).max() < TOLERANCE
