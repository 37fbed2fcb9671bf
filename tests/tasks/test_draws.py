"""Whole numbers as arguments, and groups that take turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from head_patching.tasks.draws import check_whole, most_in_turns, turns


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_other_than_a_whole_number_from_one(value):
    with pytest.raises(
        ValueError, match=f"^seed is {value!r}: allowed: whole numbers from 1$"
    ):
        check_whole("seed", value, 1)


def test_whole_numbers():
    check_whole("seed", 1, 1)
    check_whole("seed", 0, 0)


@given(st.integers(0, 100), st.integers(1, 20))
def test_turns_are_dealt_like_cards(n_draws, n_groups):
    dealt = [0] * n_groups
    for draw in range(n_draws):
        dealt[draw % n_groups] += 1
    assert turns(n_draws, n_groups) == dealt


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_most_is_the_last_number_whose_turns_all_groups_can_give(capacities):
    most = most_in_turns(capacities)

    def possible(n_draws):
        return all(map(int.__le__, turns(n_draws, len(capacities)), capacities))

    assert possible(most)
    assert not possible(most + 1)
