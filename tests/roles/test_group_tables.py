"""The tables of groups: labels by hand, and no rows where no stage has candidates."""

import pytest

from head_patching.files.register import columns
from head_patching.roles.group_answers import to_dataset
from head_patching.roles.group_tables import Labels, group_tables
from head_patching.statistics import Statistics

LABELS = Labels(less=0.5, more=1.5)


@pytest.mark.parametrize(
    ("direction", "part", "label"),
    [
        ("noising", 0.5, "redundant"),
        ("noising", 1.0, "additive"),
        ("noising", 1.5, "each necessary"),
        ("denoising", 0.1, "sufficient together"),
        ("denoising", 0.6, "additive"),
        ("denoising", 2.0, "each sufficient"),
    ],
)
def test_what_single_effects_say_depends_on_the_direction(direction, part, label):
    assert LABELS.of(direction, part) == label


def test_without_candidates_the_tables_have_no_rows():
    groups, members = group_tables(to_dataset([], ["a", "b"]), LABELS, Statistics(9, 9))
    assert groups.empty
    assert list(groups.columns) == columns("head_groups")
    assert members.empty
    assert list(members.columns) == columns("group_members")
