"""Measurements, summed up: values, tests and files against what hands work out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from head_patching.files.datasets import read_dataset
from head_patching.files.writing import write_dataset
from head_patching.patching.effects import TaskNotDone
from head_patching.roles.measured import (
    Measured,
    average,
    effect,
    from_dataset,
    patching_effect,
    table_of,
    to_dataset,
)
from head_patching.statistics import Statistics

STATISTICS = Statistics(n_resamples=200, n_sign_flips=1000, seed=0)
GROUPS = ["a", "a", "b", "c", "d", "d"]


def rows_of(measured, statistics=STATISTICS):
    """The table's rows by head (all of one layer)."""
    return table_of([measured], statistics).set_index("head")


def test_value_is_a_ratio_of_means():
    values = np.array([[[1.0, 6.0], [0.0, -5.0]]])
    table = rows_of(effect("x", values, np.array([2.0, 3.0]), ["a", "b"]))
    # (1 + 6) / (2 + 3) = 1.4; the mean of ratios would be (0.5 + 2) / 2 = 1.25.
    assert table["value"].tolist() == pytest.approx([1.4, -1.0])
    # Two groups: draws of one group twice give 1/2 and 2, and the interval ends there.
    assert table.loc[0, ["ci_low", "ci_high"]].tolist() == pytest.approx([0.5, 2.0])
    assert table["n"].tolist() == [2, 2]


def test_an_average_is_a_plain_mean_and_not_tested():
    measured = average("x", np.array([[[0.5, 1.0, 0.0]]]), ["a", "b", "c"])
    row = rows_of(measured).loc[0]
    assert (row["value"], row["q_value"]) == (0.5, 1.0)
    assert measured.kind == "pair"


def test_heads_that_were_not_measured_stay_empty():
    values = np.array([[[1.0, 1.0], [np.nan, np.nan], [np.nan, 1.0]]])
    measured = effect("x", values, np.ones(2), ["a", "b"])
    assert measured.known.tolist() == [[True, False, False]]
    assert measured.tested.tolist() == [[True, False, False]]
    table = rows_of(measured)
    empty = table.loc[[1, 2], ["value", "ci_low", "ci_high"]]
    assert empty.isna().all(axis=None)
    assert table.loc[[1, 2], "q_value"].tolist() == [1, 1]
    assert table.loc[0, "value"] == 1
    nothing = rows_of(effect("x", np.full((1, 2, 3), np.nan), np.ones(3), list("abc")))
    assert nothing["value"].isna().all()
    assert nothing["q_value"].tolist() == [1, 1]


def sign_flip_by_enumeration(values, groups):
    """Share of all sign patterns of the groups whose sum is as far from 0."""
    names = sorted(set(groups))
    sums = [
        sum(v for v, g in zip(values, groups, strict=True) if g == n) for n in names
    ]
    totals = [
        abs(sum(sign * part for sign, part in zip(signs, sums, strict=True)))
        for signs in product((-1, 1), repeat=len(names))
    ]
    return sum(total >= abs(sum(sums)) - 1e-9 for total in totals) / len(totals)


def test_q_values_by_enumeration():
    # Whole numbers, so that ties are ties.
    values = np.array(
        [
            [2, 1, 3, 4, 1, 1],  # all groups positive: p = 2 / 16
            [1, -1, 2, -3, 5, -1],
            [4, 1, -5, 5, 1, -1],
            [0, 0, 0, 0, 0, 0],  # cannot change anything: not tested
        ],
        dtype=float,
    )
    p = [sign_flip_by_enumeration(row, GROUPS) for row in values[:3]]
    assert p[0] == 2 / 16
    # Benjamini and Hochberg over the three tested heads, not four.
    order = np.argsort(p)
    q, smallest = np.ones(4), 1.0
    for rank in (3, 2, 1):
        head = order[rank - 1]
        smallest = min(smallest, p[head] * 3 / rank)
        q[head] = smallest
    table = rows_of(effect("x", values[None], np.ones(6), GROUPS))
    assert table["q_value"].tolist() == pytest.approx(q.tolist())
    assert q[0] == pytest.approx(3 * 2 / 16)
    assert q[3] == 1


def test_the_table_is_sorted_and_names_every_head_and_criterion():
    values = np.arange(12.0).reshape(2, 2, 3)
    both = [average(name, values, list("abc")) for name in ("y", "x")]
    table = table_of(both, STATISTICS)
    keys = list(
        table[["layer", "head", "criterion"]].itertuples(index=False, name=None)
    )
    assert keys == list(product((0, 1), (0, 1), ("x", "y")))
    assert table["value"].tolist() == [1, 1, 4, 4, 7, 7, 10, 10]
    assert list(table) == [
        *["layer", "head", "criterion", "value", "ci_low", "ci_high", "q_value", "n"],
        *["corruption", "direction", "silenced", "patched"],
    ]


def some_of_each_kind():
    """Two criteria of pairs, one with heads that were not measured, and two others."""
    generator = np.random.default_rng(0)
    contribution = generator.integers(-8, 8, (2, 3, 6)) / 8
    contribution[0, 1] = np.nan
    contribution[1, 1] = 0
    scale = np.array([0.1, 1.0, 2.0, 0.7, 3.0, 1.0])
    sequences = np.arange(4)
    return [
        effect("path.x", contribution, scale, GROUPS),
        average("attention", generator.integers(0, 8, (2, 3, 6)) / 8, GROUPS),
        average("score", np.full((2, 3, 4), 0.5), sequences, "sequence"),
        average("score.25x4", np.full((2, 3, 4), 0.25), sequences, "sequence"),
    ]


@pytest.mark.parametrize("kinds", [("pair", "sequence"), ("pair",), ("sequence",)])
def test_a_file_gives_back_what_it_was_given(tmp_path, kinds):
    given = [each for each in some_of_each_kind() if each.kind in kinds]
    write_dataset(tmp_path / "x.nc", to_dataset(given))
    obtained = from_dataset(read_dataset(tmp_path / "x.nc"))
    assert [each.criterion for each in obtained] == [each.criterion for each in given]
    for before, after in zip(given, obtained, strict=True):
        assert after.kind == before.kind
        np.testing.assert_array_equal(after.values, before.values)
        np.testing.assert_array_equal(after.scale, before.scale)
        np.testing.assert_array_equal(after.tested, before.tested)
        assert after.tested.dtype == bool
        assert list(after.groups) == [str(group) for group in before.groups]
    before, after = table_of(given, STATISTICS), table_of(obtained, STATISTICS)
    pd.testing.assert_frame_equal(before, after)


def patched(direction, confirmed=None):
    """Three heads on four pairs, of which the last two share a template."""
    values = np.array([[[1.0, 2, 3, 4], [4, 4, 4, 4], [-2, -2, -2, -2]]])
    dataset = xr.Dataset(
        {
            # Another order of axes than measurements have.
            "logit_diff": (("pair", "layer", "head"), values.transpose(2, 0, 1)),
            "clean_logit_diff": ("pair", [4.0, 4, 4, 4]),
            "corrupt_logit_diff": ("pair", [-2.0, -2, -2, -4]),
        },
        {"template": ("pair", ["a", "b", "c", "c"])},
        {"direction": direction, "patch_type": "q"},
    )
    if confirmed is not None:
        dataset["confirmed"] = (("layer", "head"), np.array([confirmed], np.int8))
    return dataset


def test_effects_of_a_patching_run_by_hand():
    # Clean less corrupt: 6, 6, 6, 8, mean 6.5.
    for direction, contributions in {
        "noising": [[3, 2, 1, 0], [0, 0, 0, 0], [6, 6, 6, 6]],
        "denoising": [[3, 4, 5, 8], [6, 6, 6, 8], [0, 0, 0, 2]],
    }.items():
        measured = patching_effect(patched(direction))
        assert measured.criterion == f"effect.{direction}.q"
        assert measured.values[0].tolist() == contributions
        assert measured.scale.tolist() == [6, 6, 6, 8]
        assert list(measured.groups) == ["a", "b", "c", "c"]
        assert measured.tested.tolist() == [[any(head) for head in contributions]]
        values = np.array(contributions).mean(axis=1) / 6.5
        assert rows_of(measured)["value"].tolist() == pytest.approx(values.tolist())


def test_what_screening_did_not_confirm_is_not_tested():
    measured = patching_effect(patched("denoising", confirmed=[1, 0, 1]))
    assert measured.tested.tolist() == [[True, False, True]]
    assert measured.known.all()
    # Two tests: p = 2 / 8 of three groups of one sign, and 1 of a single group.
    assert rows_of(measured)["q_value"].tolist() == [2 * 2 / 8, 1, 1]


def test_effects_of_a_model_that_does_not_do_the_task_are_refused():
    dataset = patched("noising")
    dataset["corrupt_logit_diff"] = dataset.clean_logit_diff
    with pytest.raises(TaskNotDone, match="effects cannot be normalised"):
        patching_effect(dataset)


def test_measurements_know_what_is_missing():
    values = np.array([[[1.0, np.inf], [1.0, 2.0]]])
    untested = np.zeros((1, 2), dtype=bool)
    measured = Measured("x", values, np.ones(2), ["a", "b"], untested)
    assert measured.known.tolist() == [[False, True]]
