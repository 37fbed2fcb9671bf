"""Exact values of some heads beside estimates of all others."""

import numpy as np
import pytest

from head_patching.patching.attribution import estimate_changes
from head_patching.patching.confirmed import with_estimates
from head_patching.patching.effects import Importance, effects_table
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.self_check import check_effects
from head_patching.statistics import Statistics
from head_patching.terms import DIRECTIONS
from tests.architectures import random_pairs

HEADS = [(0, 1), (1, 3), (2, 0)]


@pytest.fixture
def pairs():
    return random_pairs(seed=71, n_changed=2)


@pytest.mark.parametrize("patch_type", ["q", "k", "v", "pattern"])
@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_chosen_heads_are_those_of_the_run_without_choice(
    prepared, pairs, patch_type, direction
):
    model, _ = prepared
    patcher, options = HeadPatcher(model), (patch_type, direction)
    whole = patcher.run(pairs, *options)
    estimates = estimate_changes(model, pairs, [patch_type], [direction])
    some = with_estimates(patcher.run(pairs, *options, heads=HEADS), estimates, HEADS)
    confirmed = some.confirmed.values == 1
    assert sorted(map(tuple, np.argwhere(confirmed).tolist())) == HEADS
    np.testing.assert_allclose(
        some.logit_diff.values[confirmed], whole.logit_diff.values[confirmed], atol=1e-5
    )
    base = whole[f"{DIRECTIONS[direction].base}_logit_diff"]
    change = estimates.estimated_change[0, 0]
    np.testing.assert_allclose(
        some.logit_diff.values[~confirmed],
        (change + base).values[~confirmed],
        atol=1e-5,
    )
    assert some.logit_diff.attrs == whole.logit_diff.attrs


def test_single_positions_keep_their_places(prepared, pairs):
    model, _ = prepared
    patcher, positions = HeadPatcher(model), ["END", "S2"]
    whole = patcher.run(pairs, positions=positions)
    estimates = estimate_changes(model, pairs, ["output"], positions=["S2", "END"])
    some = with_estimates(
        patcher.run(pairs, positions=positions, heads=HEADS), estimates, HEADS
    )
    assert some.logit_diff.dims == whole.logit_diff.dims
    for layer, head in HEADS:
        np.testing.assert_allclose(
            some.logit_diff[layer, head], whole.logit_diff[layer, head], atol=1e-5
        )
    change = estimates.estimated_change_by_position.sel(
        direction="denoising", position="END", layer=1, head=0
    )
    expected = change + whole.corrupt_logit_diff
    np.testing.assert_allclose(
        some.logit_diff.sel(position="END", layer=1, head=0), expected, atol=1e-5
    )


def test_no_head_at_all_leaves_estimates_alone(prepared, pairs):
    model, _ = prepared
    estimates = estimate_changes(model, pairs, ["v"])
    some = with_estimates(HeadPatcher(model).run(pairs, "v", heads=[]), estimates, [])
    assert not some.confirmed.any()
    assert np.isfinite(some.logit_diff).all()


def test_an_estimate_is_marked_and_never_important(prepared, pairs, monkeypatch):
    monkeypatch.setattr("head_patching.patching.effects.SMALLEST_DENOMINATOR", -np.inf)
    model, _ = prepared
    estimates = estimate_changes(model, pairs, ["v"])
    runs = with_estimates(
        HeadPatcher(model).run(pairs, "v", heads=HEADS), estimates, HEADS
    )
    table = effects_table([runs], Statistics(n_sign_flips=100), Importance(0.0, 1.0))
    marked = table[["layer", "head"]].apply(tuple, axis=1).isin(HEADS)
    assert (table["confirmed"] == marked).all()
    assert not table[~marked]["important"].any()
    assert (table[~marked]["q_value"] == 1).all()


def test_the_self_check_compares_what_was_patched(prepared, pairs):
    model, bridge = prepared
    estimates = estimate_changes(model, pairs, ["v"])
    runs = with_estimates(
        HeadPatcher(model).run(pairs, "v", heads=HEADS), estimates, HEADS
    )
    frame = check_effects(bridge, pairs, runs, n_heads=8, seed=0)
    assert set(zip(frame["layer"], frame["head"], strict=True)) == set(HEADS)
    assert frame["abs_diff"].max() < 1e-4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"task": "induction"}, "estimates are of task induction"),
        ({"patch_type": "k"}, "estimates have no patch_type k"),
    ],
)
def test_estimates_of_something_else_are_refused(prepared, pairs, changed, message):
    model, _ = prepared
    estimates = estimate_changes(model, pairs, ["v"])
    runs = HeadPatcher(model).run(pairs, "v", heads=HEADS)
    if "task" in changed:
        estimates = estimates.assign_attrs(changed)
    else:
        runs = runs.assign_attrs(changed)
    with pytest.raises(ValueError, match=message):
        with_estimates(runs, estimates, HEADS)


def test_single_positions_of_other_patch_types_are_refused(prepared, pairs):
    model, _ = prepared
    estimates = estimate_changes(model, pairs, positions=["END"])
    runs = HeadPatcher(model).run(pairs, "q", positions=["END"], heads=HEADS)
    with pytest.raises(ValueError, match="single positions of q are not estimated"):
        with_estimates(runs, estimates, HEADS)
