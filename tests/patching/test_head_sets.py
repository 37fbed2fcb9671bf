"""Sets of heads replaced at once, and ablations, against TransformerLens's hooks."""

import numpy as np
import pytest
import torch

from head_patching.patching.ablation import ablate
from head_patching.patching.head_sets import sweep_sets
from head_patching.patching.readout import logit_diffs
from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import run_batch
from tests.architectures import random_pairs
from tests.hooks import hooked_logits

SETS = [[(0, 1), (1, 0), (1, 3), (2, 2)], [(2, 0), (2, 1)], [(0, 3)], [(1, 2), (2, 3)]]


@pytest.mark.parametrize("masked", [False, True])
def test_every_set_equals_hooks_on_all_its_heads(prepared, masked):
    model, bridge = prepared
    pairs = random_pairs(seed=20, lengths=(8, 8, 8), n_changed=2)
    batch = run_batch(model, pairs, [0, 1, 2], first=2)
    positions = None
    if masked:
        positions = torch.zeros(3, 8, dtype=torch.bool)
        positions[0, 3] = positions[1, 5] = positions[1, 2] = positions[2, 7] = True
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    with torch.inference_mode():
        final = sweep_sets(model, batch.corrupt, batch.clean.z, SETS, 2, positions)
        obtained = logit_diffs(model, pairs, batch, final)
    corrupt, _ = run_tokens(pairs, [0, 1, 2], "denoising")
    for heads, values in zip(SETS, obtained, strict=True):
        logits = hooked_logits(bridge, corrupt, batch.clean.z, heads, positions)
        expected = logits[range(3), answer] - logits[range(3), wrong]
        assert np.abs(expected.numpy() - values).max() < 1e-4


@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_ablation_equals_hooks(prepared, kind):
    model, bridge = prepared
    pairs = random_pairs(seed=21, lengths=(7, 7, 7, 7))
    reference = random_pairs(seed=22, lengths=(7,) * 6)
    obtained = ablate(model, pairs, SETS, kind, reference)
    clean = torch.tensor([pair.clean_tokens for pair in pairs])
    others = torch.tensor([pair.corrupt_tokens for pair in reference])
    _, cache = bridge.run_with_cache(others)
    z = []
    for layer in range(3):
        outputs = cache[f"blocks.{layer}.attn.hook_z"]
        even, odd = outputs[0::2].mean(dim=0), outputs[1::2].mean(dim=0)
        # Templates alternate: random-0, random-1, random-0, ...
        z.append(torch.stack([even, odd, even, odd]) * (kind == "mean"))
    for number, heads in enumerate(SETS):
        logits = hooked_logits(bridge, clean, z, heads)
        for row, pair in enumerate(pairs):
            expected = logits[row, pair.answer_token]
            expected = expected - logits[row, pair.wrong_answer_token]
            value = float(obtained.logit_diff[number, row])
            assert value == pytest.approx(float(expected), abs=1e-4)


def test_resampling_draws_one_reference_prompt_and_follows_the_seed(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=23, lengths=(7, 7))
    one_each = random_pairs(seed=24, lengths=(7, 7))
    resampled = ablate(model, pairs, SETS, "resample", one_each, seed=1)
    mean = ablate(model, pairs, SETS, "mean", one_each)
    # With a single reference prompt per template, its mean is itself.
    np.testing.assert_allclose(resampled.logit_diff, mean.logit_diff, atol=1e-5)
    many = random_pairs(seed=25, lengths=(7,) * 8)
    first, again, other = (
        ablate(model, pairs, SETS, "resample", many, seed=seed) for seed in (1, 1, 3)
    )
    np.testing.assert_array_equal(first.logit_diff, again.logit_diff)
    assert not np.allclose(first.logit_diff, other.logit_diff)
    # What a pair is given does not depend on the pairs beside it.
    alone = ablate(model, pairs.select([1]), SETS, "resample", many, seed=1)
    np.testing.assert_allclose(
        alone.logit_diff[:, 0], first.logit_diff[:, 1], atol=1e-5
    )


@pytest.mark.parametrize(
    ("head_sets", "kind", "message"),
    [
        ([[]], "zero", "head set 0 is empty"),
        ([[(0, 1), (0, 1)]], "zero", "names a head twice"),
        ([[(3, 0)]], "zero", "head L3H0 is not in .* layers 0 to 2"),
        (SETS, "means", "did you mean 'mean'"),
        (SETS, "mean", "mean ablation needs reference prompts"),
    ],
)
def test_bad_sets_are_refused(prepared, head_sets, kind, message):
    model, _ = prepared
    with pytest.raises(ValueError, match=message):
        ablate(model, random_pairs(seed=0), head_sets, kind)


def test_a_pair_without_reference_prompts_is_refused(prepared):
    model, _ = prepared
    reference = random_pairs(seed=0, lengths=(9, 9))
    with pytest.raises(ValueError, match="template random-0 and 7 tokens"):
        ablate(model, random_pairs(seed=1, lengths=(7,)), SETS, "mean", reference)
