"""Which heads are chosen, by hand and where attribution patching is blind."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from head_patching.files.register import columns
from head_patching.patching.choice import (
    audit,
    choose,
    choose_heads,
    heads_of,
    largest_estimates,
)
from head_patching.patching.effects import Importance
from head_patching.statistics import Statistics
from tests.tables import made

STATISTICS = Statistics(n_sign_flips=1000, seed=0)
IMPORTANCE = Importance(threshold=0.1, rate=0.5)
PAIR = {"pair": range(4), "template": ("pair", list("abcd"))}


def runs(logit_diff, direction="denoising", patch_type="output", **variables):
    """Patched runs of one layer; clean logit_diff 3 and corrupt 1, so a scale of 2."""
    values = np.repeat(np.array(logit_diff, np.float32)[None, :, None], 4, axis=2)
    unpatched = {"clean_logit_diff": 3.0, "corrupt_logit_diff": 1.0}
    constant = {n: ("pair", np.full(4, v, np.float32)) for n, v in unpatched.items()}
    return xr.Dataset(
        {"logit_diff": (("layer", "head", "pair"), values), **constant, **variables},
        {"layer": [0], "head": range(values.shape[1]), **PAIR},
        {"patch_type": patch_type, "direction": direction},
    )


def estimates(changes, at_end):
    """Estimates of one layer, the same for every pair: denoising by `output` and `v`.

    `changes` has a change of logit_diff for each patch type and head, `at_end` one for
    each head.
    """
    per_pair = np.array(changes, np.float32)[:, None, None, :, None]
    per_position = np.array(at_end, np.float32)[None, None, :, None, None]
    n_heads = per_pair.shape[3]
    return xr.Dataset(
        {
            "estimated_change": (
                ("patch_type", "direction", "layer", "head", "pair"),
                np.broadcast_to(per_pair, (2, 1, 1, n_heads, 4)),
            ),
            "estimated_change_by_position": (
                ("direction", "layer", "head", "pair", "position"),
                np.broadcast_to(per_position, (1, 1, n_heads, 4, 1)),
            ),
            "clean_logit_diff": ("pair", np.full(4, 3.0)),
            "corrupt_logit_diff": ("pair", np.full(4, 1.0)),
        },
        {
            "patch_type": ["output", "v"],
            "direction": ["denoising"],
            "position": ["END"],
            "layer": [0],
            "head": range(n_heads),
            **PAIR,
        },
    )


# Of a scale of 2: the second head by v, the third at END; both have estimates of 0.05.
FIVE = estimates([[0, 0.04, 0, 0, 0.02], [0, -0.1, 0.02, 0, 0]], [0, 0, 0.1, 0.01, 0])


def test_the_largest_estimate_is_over_all_patches_and_a_share_of_the_difference():
    np.testing.assert_allclose(
        largest_estimates(FIVE), [[0, 0.05, 0.05, 0.005, 0.01]], rtol=1e-6
    )


def test_important_heads_large_estimates_and_a_draw_are_chosen():
    # The first head is important in noising alone, and has no estimate at all.
    outputs = [
        runs([1.0] * 5),
        runs([2.0, 3.0, 3.0, 3.0, 3.0], "noising"),
    ]
    chosen = choose_heads(outputs, FIVE, STATISTICS, IMPORTANCE, 0.5, 1, seed=0)
    assert list(chosen) == columns("chosen_heads")
    reasons = dict(zip(chosen["head"], chosen["reason"], strict=True))
    assert {head: reasons[head] for head in (0, 1, 2)} == {
        0: "important",
        1: "estimate",
        2: "estimate",
    }
    assert list(reasons.values()).count("random") == 1
    assert len(chosen) == 4
    assert chosen["estimate"].tolist()[:3] == pytest.approx([0, 0.05, 0.05])


def test_a_head_that_attribution_misses_is_chosen_by_its_output():
    """As where the gradient vanishes: its estimate is zero, its effect is one half."""
    blind = estimates(np.zeros((2, 5)), np.zeros(5))
    outputs = [runs([1.0, 1.0, 2.0, 1.0, 1.0]), runs([3.0] * 5, "noising")]
    chosen = choose_heads(outputs, blind, STATISTICS, IMPORTANCE, 0.5, 0, seed=0)
    assert chosen.to_dict("records") == [
        {"layer": 0, "head": 2, "reason": "important", "estimate": 0}
    ]


def test_a_share_of_zero_takes_all_heads():
    outputs = [runs([1.0] * 5), runs([3.0] * 5, "noising")]
    chosen = choose_heads(outputs, FIVE, STATISTICS, IMPORTANCE, 0.0, 1, seed=0)
    assert heads_of(chosen) == [(0, head) for head in range(5)]
    assert set(chosen["reason"]) == {"estimate"}


def test_the_draw_is_of_the_rest_alike_and_by_its_seed():
    important = np.zeros((2, 5), dtype=bool)
    important[0, 0] = True
    largest = np.zeros((2, 5))
    largest[1, 4] = 1.0
    drawn = []
    for seed in range(400):
        chosen = choose(important, largest, 0.5, 2, seed)
        rest = chosen[chosen["reason"] == "random"]
        assert len(rest) == 2
        drawn += heads_of(rest)
    counts = pd.Series(drawn).value_counts()
    assert len(counts) == 8  # none of the two that were chosen otherwise
    # 800 draws of 8 heads: 100 each, with a standard deviation of 8.7.
    assert counts.between(65, 135).all()
    first, again = (choose(important, largest, 0.5, 2, 7) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_more_heads_to_draw_than_there_are_gives_all():
    chosen = choose(np.zeros((1, 3), bool), np.zeros((1, 3)), 0.5, 9, seed=0)
    assert chosen["reason"].tolist() == ["random"] * 3


def test_the_audit_is_of_heads_drawn_at_random_alone():
    chosen = made(
        "chosen_heads", "layer head reason", [(0, 1, "estimate"), (0, 4, "random")]
    )
    confirmed = ("layer", "head"), np.array([[0, 1, 0, 0, 1]])
    patched = [runs([1.0, 2.0, 1.0, 1.0, 1.5], patch_type="v", confirmed=confirmed)]
    patched[0] = patched[0].assign(logit_diff=patched[0].logit_diff.copy())
    table = audit(patched, FIVE, chosen)
    # (1.5 - 1) / 2 exactly; the estimate of head 4 by v is 0.
    assert table.to_dict("records") == [
        {
            "patch_type": "v", "direction": "denoising", "position": "all",
            "layer": 0, "head": 4, "effect": 0.25, "estimate": 0.0,
        }
    ]  # fmt: skip


def test_the_audit_of_positions_compares_each_with_its_own_estimate():
    chosen = made("chosen_heads", "layer head reason", [(0, 2, "random")])
    at_end = runs([1.0, 1.0, 1.2, 1.0, 1.0])
    at_end = at_end.expand_dims(position=["END"], axis=-1)
    for name in ("clean_logit_diff", "corrupt_logit_diff"):
        at_end[name] = at_end[name].isel(position=0, drop=True)
    table = audit([at_end], FIVE, chosen)
    assert table["position"].tolist() == ["END"]
    assert table["effect"].tolist() == pytest.approx([0.1], abs=1e-6)
    assert table["estimate"].tolist() == pytest.approx([0.05], abs=1e-6)
