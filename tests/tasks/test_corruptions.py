"""Each corruption on one pair of names, by hand."""

import pytest

from head_patching.tasks.corruptions import CORRUPTIONS, Names

CLEAN = Names(io="Mary", s1="John", s2="John")
FRESH = ("Tom", "Anna", "Paul")


@pytest.mark.parametrize(
    ("corruption", "corrupt"),
    [
        ("s2_io_flip", ("Mary", "John", "Mary")),
        ("s2_random", ("Mary", "John", "Tom")),
        ("abc", ("Tom", "Anna", "Paul")),
        ("s1_io_flip", ("John", "Mary", "John")),
    ],
)
def test_corrupt_names(corruption, corrupt):
    assert CORRUPTIONS[corruption](CLEAN, FRESH) == corrupt
