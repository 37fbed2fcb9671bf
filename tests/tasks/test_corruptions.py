"""Each corruption on one pair of names, by hand."""

import pytest

from head_patching.tasks.corruptions import CORRUPTIONS, Names

CLEAN = Names(io="Mary", s1="John", s2="John")
FRESH = ("Tom", "Anna", "Paul")


BY_HAND = {
    "s2_io_flip": ("Mary", "John", "Mary"),
    "s2_random": ("Mary", "John", "Tom"),
    "abc": ("Tom", "Anna", "Paul"),
    "s1_io_flip": ("John", "Mary", "John"),
    "renamed": ("Tom", "Anna", "Anna"),
}


@pytest.mark.parametrize(("corruption", "corrupt"), BY_HAND.items())
def test_corrupt_names(corruption, corrupt):
    assert CORRUPTIONS[corruption](CLEAN, FRESH) == corrupt


def test_every_corruption_is_tested_by_hand():
    assert set(BY_HAND) == set(CORRUPTIONS)


def test_a_corruption_of_one_signal_leaves_the_other_signal_intact():
    """Position: which of the first two names is the one repeated. Token: which name."""

    def second_is_first(names):
        return names.s2 == names.s1, names.s2 == names.io

    position = CORRUPTIONS["s1_io_flip"](CLEAN, FRESH)
    assert position.s2 == CLEAN.s2  # the token stays
    assert second_is_first(position) == second_is_first(CLEAN)[::-1]
    token = CORRUPTIONS["renamed"](CLEAN, FRESH)
    assert second_is_first(token) == second_is_first(CLEAN)  # the position stays
    assert not set(token) & set(CLEAN)
