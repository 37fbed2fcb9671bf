"""The table of effects, its tests and what is important, worked out by hand."""

import numpy as np
import pytest
import xarray as xr

from head_patching.files.register import columns
from head_patching.patching.effects import (
    Importance,
    effects_table,
    is_important,
    ratio_of_means,
)
from head_patching.patching.findings import find_important_heads, head_results
from head_patching.statistics import Statistics

STATISTICS = Statistics(n_resamples=100, n_sign_flips=1000, seed=0)
IMPORTANCE = Importance(threshold=0.02, rate=0.5)
TEMPLATES = ["a", "b", "c", "d"]


def patched(logit_diff, direction="noising", **variables):
    """Runs of one layer with clean logit_diff 3 and corrupt 1, [head pair]."""
    values = np.array(logit_diff, dtype=np.float32)[None]
    dims = ("layer", "head", "pair") + (("position",) if values.ndim == 4 else ())
    return xr.Dataset(
        {
            "logit_diff": (dims, values),
            "clean_logit_diff": ("pair", np.full(4, 3.0, np.float32)),
            "corrupt_logit_diff": ("pair", np.full(4, 1.0, np.float32)),
            **variables,
        },
        {
            "layer": [0],
            "head": range(values.shape[1]),
            "template": ("pair", TEMPLATES),
        },
        {"patch_type": "q", "direction": direction},
    )


def test_an_effect_is_the_fraction_of_the_difference_moved():
    runs = patched([[2.0, 2.0, 2.0, 2.0], [3.0, 3.0, 3.0, 3.0]])
    table = effects_table([runs], STATISTICS, IMPORTANCE)
    assert list(table) == list(columns("effects"))
    assert table["effect"].tolist() == [0.5, 0]  # (3 - 2) / (3 - 1), and nothing moved
    assert table[["ci_low", "ci_high"]].to_numpy().tolist() == [[0.5, 0.5], [0, 0]]
    # All four signs alike: 2 of 16 patterns are as far from 0. The other head, which
    # cannot change anything, is no member of the family.
    assert table["p_value"].tolist() == table["q_value"].tolist() == [2 / 16, 1]
    assert table["important"].tolist() == [1, 0]
    denoised = effects_table(
        [patched([[2.5] * 4], "denoising")], STATISTICS, IMPORTANCE
    )
    assert denoised["effect"].tolist() == [0.75]  # (2.5 - 1) / (3 - 1)


def test_an_effect_is_a_ratio_of_means_not_a_mean_of_ratios():
    # Clean less corrupt is 1 in one half of the pairs, 3 in the other; the patch moves
    # 0.5 and 3: (0.5 + 3) / (1 + 3) = 0.875. The mean of ratios would be 0.75.
    runs = patched([[3.5, 3.5, 2.0, 2.0]]).assign(
        clean_logit_diff=("pair", [4.0, 4.0, 5.0, 5.0]),
        corrupt_logit_diff=("pair", [3.0, 3.0, 2.0, 2.0]),
    )
    table = effects_table([runs], STATISTICS, IMPORTANCE)
    assert table["effect"].tolist() == [0.875]


def test_an_estimate_is_not_tested_and_never_important():
    confirmed = ("layer", "head"), np.array([[0, 1]])
    runs = patched([[1.0] * 4, [2.0] * 4], confirmed=confirmed)
    table = effects_table([runs], STATISTICS, Importance(0.02, 1.0))
    assert table["effect"].tolist() == [1, 0.5]
    assert table["confirmed"].tolist() == table["important"].tolist() == [0, 1]


def test_heads_that_were_not_patched_count_in_the_family_with_p_of_one():
    """Two heads tested with p = 2/16 each, of a family of four: q = 4/2 x 2/16."""
    rows = [[2.0] * 4, [2.0] * 4, [2.9] * 4, [2.9] * 4]
    confirmed = ("layer", "head"), np.array([[1, 1, 0, 0]])
    table = effects_table([patched(rows, confirmed=confirmed)], STATISTICS, IMPORTANCE)
    assert table["p_value"].tolist() == [2 / 16, 2 / 16, 1, 1]
    assert table["q_value"].tolist() == [4 / 16, 4 / 16, 1, 1]
    # A patch that cannot change anything is no member, whether or not it was made.
    rows[3] = [3.0] * 4
    table = effects_table([patched(rows, confirmed=confirmed)], STATISTICS, IMPORTANCE)
    assert table["q_value"].tolist() == [3 / 16, 3 / 16, 1, 1]


def test_estimates_at_positions_are_marked_at_each():
    confirmed = ("layer", "head"), np.array([[0, 1]])
    runs = patched(np.full((2, 4, 3), 2.0), confirmed=confirmed)
    runs = runs.assign_coords(position=["S2", "END", "IO"])
    table = effects_table([runs], STATISTICS, IMPORTANCE)
    assert table["confirmed"].tolist() == [0, 0, 0, 1, 1, 1]


def test_positions_stay_in_the_order_of_the_runs():
    values = np.full((2, 4, 3), 2.0)
    runs = patched(values).assign_coords(position=["S2", "END", "IO"])
    table = effects_table([runs], STATISTICS, IMPORTANCE)
    assert list(table) == list(columns("effects_by_position"))
    assert table["position"].tolist() == ["S2", "END", "IO"] * 2


def test_what_was_not_measured_is_empty():
    values = np.array([[1.0, 1.0, 1.0, 1.0], [np.nan, 1.0, 1.0, 1.0]])
    tested = np.array([True, False])
    found = ratio_of_means(values, np.ones(4), TEMPLATES, tested, STATISTICS)
    assert found.value[0] == 1
    assert np.isnan([found.value[1], found.ci_low[1], found.ci_high[1]]).all()
    assert found.q_value.tolist() == [2 / 16, 1]
    plain = ratio_of_means(values[:1], np.ones(4), TEMPLATES, tested[:1], Statistics())
    assert np.isnan([plain.ci_low[0], plain.ci_high[0]]).all()
    assert plain.q_value.tolist() == [1]


def test_important_is_large_and_significant_at_any_sign():
    value, q_value = np.array([0.02, -0.3, 0.01, 0.5]), np.array([0.5, 0.1, 0.1, 0.6])
    found = is_important(value, q_value, IMPORTANCE)
    assert found.tolist() == [True, True, False, False]
    untested = is_important(np.ones(1), np.ones(1), Importance(0.02, 1.0))
    assert not untested.any()


def test_important_heads_of_a_first_look_are_the_large_ones_alone():
    """`find_important_heads` looks at the size and tests nothing."""
    runs = patched([[3.2, 2.8, 3.2, 2.4], [2.0] * 4, [2.95] * 4])
    results = head_results(runs)
    assert [result.name for result in results] == ["L0H0", "L0H1", "L0H2"]
    assert [result.patching_effect for result in results] == pytest.approx(
        [0.05, 0.5, 0.025], abs=1e-6
    )
    found = find_important_heads(results, threshold=0.04)
    assert [head.name for head in found] == ["L0H1", "L0H0"]
