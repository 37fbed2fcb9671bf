"""The self-check finds a wrong effect, and passes right ones."""

from dataclasses import replace

import numpy as np
import pytest

from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.runs import run_pairs
from head_patching.patching.self_check import (
    check_effects,
    identity_change,
    sample_heads,
    summarise,
)
from tests.architectures import random_pairs


def test_right_effects_pass_and_a_wrong_one_is_named(prepared):
    model, bridge = prepared
    pairs = random_pairs(seed=5)
    effects = HeadPatcher(model).run(pairs)
    frame = check_effects(bridge, pairs, effects, n_heads=6, seed=0)
    identity = identity_change(model, pairs)
    summary = summarise(frame, identity, tolerance=1e-4)
    assert summary["n_heads"] == 6
    assert summary["identity_max"] < 1e-5

    layer, head, pair = frame.loc[0, ["layer", "head", "pair"]]
    effects.logit_diff[layer, head, pair] += 0.01
    frame = check_effects(bridge, pairs, effects, n_heads=6, seed=0)
    with pytest.raises(ValueError, match=rf"L{layer}H{head}, output, denoising"):
        summarise(frame, identity, tolerance=1e-4)


def test_effects_of_some_pairs_are_compared_on_these(prepared):
    model, bridge = prepared
    pairs = random_pairs(seed=5)
    some = HeadPatcher(model).run(pairs, "q").isel(pair=[1, 3])
    frame = check_effects(bridge, pairs, some, n_heads=4, seed=0)
    assert set(frame["pair"]) <= {1, 3}
    assert summarise(frame, 0.0, tolerance=1e-4)["n_heads"] == 4


def test_estimates_are_not_compared(prepared):
    model, bridge = prepared
    pairs = random_pairs(seed=5)
    effects = HeadPatcher(model).run(pairs)
    confirmed = np.zeros((model.config.n_layers, model.config.n_heads), dtype=np.int8)
    confirmed[1, 0] = confirmed[0, 1] = 1
    effects["confirmed"] = ("layer", "head"), confirmed
    effects["logit_diff"] = effects.logit_diff.where(effects.confirmed == 1, 100.0)
    frame = check_effects(bridge, pairs, effects, n_heads=4, seed=0)
    assert set(frame[["layer", "head"]].itertuples(index=False, name=None)) == {
        (1, 0),
        (0, 1),
    }
    assert summarise(frame, 0.0, tolerance=1e-4)["n_heads"] == 2
    frame = check_effects(bridge, pairs, effects.assign(confirmed=0), 4, seed=0)
    assert frame.empty


@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_a_wrong_effect_at_one_position_is_named(prepared, direction):
    model, bridge = prepared
    pairs = random_pairs(seed=5)
    names = ["S2", "END"]
    effects = HeadPatcher(model).run(pairs, direction=direction, positions=names)
    frame = check_effects(bridge, pairs, effects, n_heads=10, seed=0)
    assert frame["position"].value_counts().to_dict() == dict.fromkeys(names, 5 * 2)
    assert summarise(frame, 0.0, tolerance=1e-4)["n_comparisons"] == len(frame)
    # Each position's own: what is right at one would be wrong at the other.
    exchanged = effects.assign(logit_diff=effects.logit_diff[..., ::-1].variable)
    frame = check_effects(bridge, pairs, exchanged, n_heads=10, seed=0)
    with pytest.raises(ValueError, match="engine and TransformerLens differ"):
        summarise(frame, 0.0, tolerance=1e-4)


@pytest.mark.parametrize("patch_type", ["output", "q", "k", "v", "pattern"])
def test_a_run_patched_with_its_own_activations_is_unchanged(prepared, patch_type):
    model, _ = prepared
    pairs = random_pairs(seed=6)
    own = [replace(batch, corrupt=batch.clean) for batch in run_pairs(model, pairs, 8)]
    patched = HeadPatcher(model).run(pairs, patch_type, batches=own)
    assert float(np.abs(patched.logit_diff - patched.clean_logit_diff).max()) == 0


def test_patches_that_add_nothing_are_propagated_unchanged(prepared):
    model, _ = prepared
    change = identity_change(model, random_pairs(seed=6))
    assert 0 <= change < 1e-4


def test_half_the_sample_are_the_heads_that_moved_most():
    moved = np.zeros((3, 4))
    moved[1, 2], moved[2, 0] = 5.0, 4.0
    sample = sample_heads(moved, n_heads=4, seed=0)
    assert {(1, 2), (2, 0)} <= set(sample)
    assert len(set(sample)) == 4
    assert sample == sorted(sample)
    assert sample_heads(moved, n_heads=1, seed=0) == [(1, 2)]
    moved[1, 2] = np.nan
    assert sample_heads(moved, n_heads=1, seed=0) == [(2, 0)]
    assert len(sample_heads(moved, n_heads=12, seed=0)) == 11
