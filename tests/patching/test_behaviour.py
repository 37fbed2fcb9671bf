"""Behaviour in means and intervals: three templates, one of them with a single pair."""

import numpy as np
import pytest

from head_patching.patching.behaviour import behaviour_table
from head_patching.statistics import Statistics

TEMPLATES = ["a", "a", "b", "b", "c"]


def ends(values: list[float], metric: str, group: str) -> list[float]:
    """The interval of a metric over all pairs or those of a template."""
    measured = {("clean", metric): np.array(values)}
    table = behaviour_table(measured, TEMPLATES, Statistics(200, 0, 0, 0.95))
    return table.set_index("group").loc[group, ["ci_low", "ci_high"]].tolist()


def test_an_accuracy_of_all_has_an_exact_interval():
    """n groups that all agree have a bound at 0.025 ** (1 / n); one has none."""
    right = [1.0] * 5
    assert ends(right, "accuracy", "all") == pytest.approx([0.025 ** (1 / 3), 1])
    assert ends(right, "accuracy", "a") == pytest.approx([0.025 ** (1 / 2), 1])
    assert np.isnan(ends(right, "accuracy", "c")).all()
    assert ends(right, "logit_diff", "all") == [1, 1]


def test_other_accuracies_are_resampled():
    """Templates have means 1, 1/2 and 0: resamples reach from 0 to 1."""
    low, high = ends([1.0, 1.0, 1.0, 0.0, 0.0], "accuracy", "all")
    assert low == pytest.approx(0)
    assert high == pytest.approx(1)
