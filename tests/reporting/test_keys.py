"""Phrases that several numbers share."""

from head_patching.reporting.keys import number_word


def test_small_counts_are_words():
    assert [number_word(count) for count in (0, 1, 9, 10)] == [
        "no",
        "one",
        "nine",
        "10",
    ]
