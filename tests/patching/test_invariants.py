"""What must hold for any model and any prompts."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from head_patching.models.activations import Activations
from head_patching.models.transformer import forward
from head_patching.patching.deltas import PATCH_FUNCTIONS, LayerPatch, head_deltas
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.runs import run_batch
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES
from tests.architectures import random_pairs

CLOSE = 1e-5  # relative to the size of the model's logits
few = settings(max_examples=3)
seeds = st.integers(0, 10_000)
patch_types = st.sampled_from(list(PATCH_TYPES))


def swap(pairs: PromptPairs) -> PromptPairs:
    """The same pairs with the clean and the corrupt prompt exchanged."""
    swapped = tuple(
        replace(
            pair,
            clean=pair.corrupt,
            corrupt=pair.clean,
            clean_tokens=pair.corrupt_tokens,
            corrupt_tokens=pair.clean_tokens,
        )
        for pair in pairs
    )
    return replace(pairs, pairs=swapped)


def one_batch(model, seed):
    pairs = random_pairs(seed, lengths=(8, 8, 8), n_changed=2)
    return run_batch(model, pairs, [0, 1, 2], first=2)


def assert_close(obtained, expected):
    obtained, expected = np.asarray(obtained), np.asarray(expected)
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(obtained - expected).max() < CLOSE * scale


@few
@given(seed=seeds, patch_type=patch_types)
def test_denoising_with_the_runs_swapped_is_noising(prepared, seed, patch_type):
    model, _ = prepared
    pairs = random_pairs(seed)
    noised = HeadPatcher(model).run(pairs, patch_type, "noising")
    denoised = HeadPatcher(model).run(swap(pairs), patch_type, "denoising")
    np.testing.assert_array_equal(noised.logit_diff, denoised.logit_diff)


@few
@given(seed=seeds, patch_type=patch_types, direction=st.sampled_from(list(DIRECTIONS)))
def test_order_batches_and_chunks_do_not_matter(prepared, seed, patch_type, direction):
    model, _ = prepared
    pairs = random_pairs(seed)
    whole = HeadPatcher(model).run(pairs, patch_type, direction).logit_diff.values
    order = [4, 2, 0, 3, 1]
    shuffled = HeadPatcher(model).run(pairs.select(order), patch_type, direction)
    assert_close(shuffled.logit_diff.values, whole[:, :, order])
    alone = HeadPatcher(model).run(pairs.select([3]), patch_type, direction)
    assert_close(alone.logit_diff.values[:, :, 0], whole[:, :, 3])
    with patch("head_patching.patching.chunks.VECTORS_PER_CHUNK", 7):
        chunked = HeadPatcher(model, memory_mib=0).run(pairs, patch_type, direction)
    assert_close(chunked.logit_diff.values, whole)


@few
@given(seed=seeds, patch_type=patch_types)
def test_a_patch_before_the_first_difference_changes_nothing(
    prepared, seed, patch_type
):
    model, _ = prepared
    pairs = random_pairs(seed, lengths=(7, 7), n_changed=2)
    patched = HeadPatcher(model).run(pairs, patch_type, positions=[0, 1, 2])
    change = np.abs(patched.logit_diff - patched.corrupt_logit_diff)
    assert float(change.sel(position=["0", "1"]).max()) == 0
    assert float(change.sel(position="2").max()) > 1e-3


@few
@given(seed=seeds)
def test_all_heads_of_a_layer_together_are_the_attention_output(prepared, seed):
    """Summed deltas of a layer, added at once, give the run with its z replaced."""
    model, bridge = prepared
    batch = one_batch(model, seed)
    pairs = random_pairs(seed, lengths=(8, 8, 8), n_changed=2)
    corrupt = torch.tensor([pair.corrupt_tokens for pair in pairs])
    layer = 1
    deltas = head_deltas(model, batch.corrupt, batch.clean, layer, "output", first=0)
    added = torch.zeros_like(batch.corrupt.resid_pre)
    added[layer] = deltas.sum(dim=0)
    with torch.no_grad():
        obtained = forward(model, corrupt, added).final_logits
        name = f"blocks.{layer}.attn.hook_z"
        hook = (name, lambda z, hook: batch.clean.z[layer])
        expected = bridge.run_with_hooks(corrupt, fwd_hooks=[hook])[:, -1]
    assert_close(obtained, expected)


@few
@given(seed=seeds)
def test_parts_put_together_are_the_whole(prepared, seed):
    """pattern and v together equal output; q and k together equal pattern."""
    model, _ = prepared
    batch, layer = one_batch(model, seed), 2
    base, source = batch.corrupt, batch.clean

    def z(mixed: Activations, patch_type):
        return PATCH_FUNCTIONS[patch_type](
            LayerPatch(model.config, mixed, source, layer, 0)
        )

    with_source_v = replace(base, v=source.v)
    assert_close(z(with_source_v, "pattern"), source.z[layer])
    with_source_k = replace(base, k=source.k)
    assert_close(z(with_source_k, "q"), z(base, "pattern"))


@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_each_position_equals_its_own_list_entry(prepared, patch_type):
    model, _ = prepared
    pairs = random_pairs(seed=11)
    each = HeadPatcher(model).run(pairs, patch_type, positions="each")
    assert each.sizes["position"] == 9
    seven = [index for index, pair in enumerate(pairs) if len(pair.clean_tokens) == 7]
    assert np.isnan(each.logit_diff.values[:, :, seven, 7:]).all()
    assert not np.isnan(each.logit_diff.values[:, :, seven, :7]).any()
    listed = HeadPatcher(model).run(pairs, patch_type, positions=[2, "S2"])
    np.testing.assert_allclose(
        listed.logit_diff.sel(position="2"), each.logit_diff.sel(position="2")
    )


def test_probability_and_kl_of_patched_runs(prepared):
    """Against the reference's logits, by SciPy's softmax."""
    from scipy.special import log_softmax

    from head_patching.patching.reference import reference_logits, run_tokens

    model, bridge = prepared
    pairs = random_pairs(seed=12, lengths=(7, 7))
    obtained = HeadPatcher(model).run(pairs, metrics=("kl", "probability"))
    corrupt, clean = run_tokens(pairs, [0, 1], "denoising")
    logits = reference_logits(bridge, corrupt, clean, [(1, 2)], "output")[0]
    clean_logits = bridge(clean)[:, -1].detach()
    for row, pair in enumerate(pairs):
        expected = log_softmax(clean_logits[row].double().numpy())
        patched = log_softmax(logits[row].double().numpy())
        kl = (np.exp(expected) * (expected - patched)).sum()
        values = obtained.sel(layer=1, head=2, pair=row)
        assert float(values.kl) == pytest.approx(kl, rel=1e-3, abs=1e-5)
        probability = np.exp(patched[pair.answer_token])
        assert float(values.probability) == pytest.approx(probability, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch_type": "z"}, "unknown patch type 'z'.*output, q, k"),
        ({"direction": "denoise"}, "did you mean 'denoising'"),
        ({"positions": ["S9"]}, "unknown position 'S9'.*S2, END"),
        ({"positions": [99]}, "position 99: expected 0 to 8"),
        ({"positions": "every"}, "unknown positions 'every'"),
        ({"metrics": ["kll"]}, "unknown metric 'kll'"),
    ],
)
def test_unknown_options_are_refused_in_one_line(prepared, options, message):
    model, _ = prepared
    with pytest.raises(ValueError, match=message) as caught:
        HeadPatcher(model).run(random_pairs(seed=0), **options)
    assert "\n" not in str(caught.value)


def test_some_heads_alone_equal_those_among_all(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=11)
    whole = HeadPatcher(model).run(pairs, "q")
    some = HeadPatcher(model).run(pairs, "q", heads=[(1, 2), (0, 3)])
    assert int(np.isfinite(some.logit_diff[:, :, 0]).sum()) == 2
    for head in ((1, 2), (0, 3)):
        assert_close(some.logit_diff[head].values, whole.logit_diff[head].values)
    with pytest.raises(ValueError, match="head L0H99 is not in"):
        HeadPatcher(model).run(pairs, heads=[(0, 99)])
