"""Overlap of two tasks' heads, by hand and against chance."""

import numpy as np
import pytest
from scipy.special import comb

from head_patching.patching.effects import Importance
from head_patching.roles.measured import effect, table_of
from head_patching.roles.overlap import (
    important_heads,
    overlap,
    overlaps,
    resampled_sets,
)
from head_patching.statistics import Statistics

TEMPLATES = [f"t{number}" for number in range(20)]
IMPORTANCE = Importance(0.02, 0.05)
TESTS = Statistics(n_resamples=0, n_sign_flips=2000, seed=0)


def sets(members, n_resamples=3):
    """The same set of heads of 4 x 5 in every resample."""
    found = np.zeros((1 + n_resamples, 4, 5), dtype=bool)
    for layer, head in members:
        found[:, layer, head] = True
    return found


def effects(members, seed=0):
    """Effects of 0.3 on some heads, varying a little, and of noise on the others."""
    values = np.random.default_rng(seed).normal(0, 0.01, size=(4, 5, 20))
    for layer, head in members:
        values[layer, head] += 0.3
    return effect("effect.denoising.output", values, np.ones(20), TEMPLATES)


def test_an_overlap_by_hand():
    found = overlap(sets([(0, 0), (1, 1), (2, 2)]), sets([(1, 1), (3, 3)]), 0.95)
    assert (found["n_first"], found["n_second"], found["shared"]) == (3, 2, 1)
    assert found["jaccard"] == found["ci_low"] == found["ci_high"] == 1 / 4
    assert found["expected"] == pytest.approx(3 * 2 / 20)
    # Not both of the two outside the three: 1 - C(17, 2) / C(20, 2).
    assert found["p_value"] == pytest.approx(1 - comb(17, 2) / comb(20, 2))
    assert found["heads"] == "L1H1"


def test_two_empty_sets_have_no_overlap_to_speak_of():
    found = overlap(sets([]), sets([]), 0.95)
    assert np.isnan([found["jaccard"], found["ci_low"], found["ci_high"]]).all()
    assert found["p_value"] == 1


def test_important_heads_are_found_on_all_pairs_and_in_resamples():
    members = [(0, 1), (2, 3)]
    of_all = important_heads(effects(members), IMPORTANCE, TESTS)
    assert [tuple(head) for head in np.argwhere(of_all)] == members
    found = resampled_sets(effects(members), IMPORTANCE, n_resamples=30, seed=0)
    assert found.shape == (30, 4, 5)
    assert found[:, 0, 1].all()
    assert found.sum(axis=(1, 2)).max() <= 4


def test_on_all_pairs_the_heads_are_those_of_the_effects_table():
    """The exact test, not its normal approximation: the text quotes both tables."""
    values = np.random.default_rng(1).normal(0.03, 0.05, size=(4, 5, 20))
    measured = effect("effect.denoising.output", values, np.ones(20), TEMPLATES)
    table = table_of([measured], TESTS)
    important = (table["value"].abs() >= 0.02) & (table["q_value"] <= 0.05)
    found = important_heads(measured, IMPORTANCE, TESTS)
    assert 0 < found.sum() < 20
    assert found.ravel().tolist() == important.tolist()


def test_small_and_uncertain_effects_are_not_important():
    values = np.zeros((4, 5, 20))
    values[0, 0] = 0.01  # certain, but small
    values[0, 1] = np.tile([1.0, -0.9], 10)  # large on some, but of either sign
    measured = effect("effect.denoising.output", values, np.ones(20), TEMPLATES)
    assert not important_heads(measured, IMPORTANCE, TESTS).any()


def test_every_two_tasks_in_each_direction():
    shared, own = (1, 1), {"a": (0, 0), "b": (3, 4), "c": (2, 0)}
    table = overlaps(
        {
            (task, direction): effects([shared, own[task]], seed)
            for seed, task in enumerate("abc")
            for direction in ("denoising", "noising")
        },
        IMPORTANCE, Statistics(20, 2000, 0),
    )  # fmt: skip
    assert list(zip(table["first"], table["second"], strict=True)) == [
        ("a", "b"), ("a", "b"), ("a", "c"), ("a", "c"), ("b", "c"), ("b", "c"),
    ]  # fmt: skip
    assert set(table["heads"]) == {"L1H1"}
    assert (table["jaccard"] == 1 / 3).all()
    assert ((table["ci_low"] <= 1 / 3) & (table["ci_high"] >= 1 / 3)).all()


def test_one_task_has_nothing_to_compare_with():
    table = overlaps(
        {("a", "denoising"): effects([])}, IMPORTANCE, Statistics(2, 100, 0)
    )
    assert len(table) == 0
    assert {"first", "jaccard", "heads"} <= set(table)
