"""What every template must be for its prompts to be well formed."""

import re

import pytest

from head_patching.tasks.ioi_templates import (
    BABA,
    NAMES,
    OBJECTS,
    PLACES,
    TEMPLATES,
    abba_twin,
)


def test_fifteen_distinct_templates_in_two_orders():
    assert len(BABA) == 15
    assert len({template.text for template in TEMPLATES}) == 30
    labels = [template.label for template in TEMPLATES]
    assert labels[:4] == ["BABA-01", "ABBA-01", "BABA-02", "ABBA-02"]
    assert labels[-2:] == ["BABA-15", "ABBA-15"]


def test_twin_swaps_only_the_first_two_names():
    assert (
        abba_twin("The [PLACE] [B] and [A] went to had a [OBJECT]. [B] gave it to")
        == "The [PLACE] [A] and [B] went to had a [OBJECT]. [B] gave it to"
    )


@pytest.mark.parametrize(("label", "text"), TEMPLATES)
def test_template(label, text):
    slots = re.findall(r"\[(.*?)\]", text)
    order = "".join(slot for slot in slots if slot in "AB")
    assert order == {"BABA": "BAB", "ABBA": "ABB"}[label[:4]]
    assert set(slots) <= {"A", "B", "PLACE", "OBJECT"}
    assert len(re.findall(r" \[[AB]\]", text)) == 3, "a space before every name"
    assert text.endswith(" to")
    assert not text.endswith("[B] to")


@pytest.mark.parametrize("words", [NAMES, PLACES, OBJECTS])
def test_words_are_distinct_and_sorted(words):
    assert list(words) == sorted(set(words))


def test_no_name_is_also_a_word_of_a_sentence():
    text = " ".join([*BABA, *PLACES, *OBJECTS]).lower()
    assert not {name.lower() for name in NAMES} & set(re.findall(r"\w+", text))


def test_a_fits_before_every_object():
    assert not [word for word in OBJECTS if word[0] in "aeiou"]
