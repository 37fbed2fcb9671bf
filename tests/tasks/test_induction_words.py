"""What every induction frame must be for its prompts to be well formed."""

import re

import pytest

from head_patching.tasks.induction_words import (
    SURNAMES,
    TEXT_FRAMES,
    WORD_FRAMES,
    WORDS,
)
from head_patching.tasks.ioi_templates import NAMES, OBJECTS, PLACES

FRAMES = WORD_FRAMES + TEXT_FRAMES

# The commonest function words, which would say too much by themselves.
FUNCTION_WORDS = """
a about after all an and are as at be but by can for from had has have he her his i if
in is it its more no not of on one or she so than that the their then there they this to
was we were what when which who will with would you
"""


def test_fifteen_groups_of_each_kind():
    assert [frame.label for frame in WORD_FRAMES] == [
        f"words-{distance:02d}" for distance in range(3, 18)
    ]
    assert [frame.label for frame in TEXT_FRAMES] == [
        f"text-{number:02d}" for number in range(1, 16)
    ]
    assert len({frame.text for frame in FRAMES}) == 30


@pytest.mark.parametrize("frame", WORD_FRAMES, ids=lambda frame: frame.label)
def test_distance_of_random_words(frame):
    slots = frame.text.split()
    assert slots[:3] == ["Then,", "[W]", "[W]"]
    first, second = (at for at, slot in enumerate(slots) if slot == "[A]")
    assert second - first == int(frame.label[-2:])
    assert set(slots[first + 2 : second]) <= {"[W]"}


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.label)
def test_frame(frame):
    assert re.findall(r"\[[AB]\]", frame.text) == ["[A]", "[B]", "[A]"]
    assert re.fullmatch(r"\w.* (\w+|\[W\]) (\w+|\[W\]) \[A\] \[B\].* \[A\]", frame.text)
    n_slots = frame.text.count("[")
    assert len(re.findall(r" \[[ABW]\]", frame.text)) == n_slots, "a space before each"
    # So that the number of prompts can be counted.
    shared = set(frame.first) & set(frame.second)
    assert frame.first == frame.second or not shared


def test_words_of_the_ioi_prompts_are_among_the_words():
    assert set(PLACES + OBJECTS) <= set(WORDS)


@pytest.mark.parametrize("words", [WORDS, SURNAMES])
def test_words_are_distinct_and_sorted(words):
    assert list(words) == sorted(set(words))


def test_words_are_no_names_and_no_function_words():
    lower = {name.lower() for name in NAMES}
    assert not set(WORDS) & {*lower, *FUNCTION_WORDS.split()}
    assert not set(NAMES) & set(SURNAMES)
    assert all(word.islower() for word in WORDS)
