"""IOI pairs over the tokenizer of the model that comes with the project."""

import pytest

from head_patching.tasks.corruptions import CORRUPTIONS
from head_patching.tasks.ioi import ioi_pairs
from head_patching.tasks.ioi_scenes import usable_words
from head_patching.tasks.ioi_templates import NAMES, OBJECTS, PLACES, TEMPLATES

SLOTS = ("IO", "S1", "S2")


def test_every_word_is_a_single_token(smollm2_tokenizer):
    assert usable_words(smollm2_tokenizer) == (NAMES, PLACES, OBJECTS)


def test_no_bos_by_default(smollm2_tokenizer):
    assert ioi_pairs(smollm2_tokenizer, 1).prepend_bos is False


@pytest.mark.parametrize("prepend_bos", ["auto", True])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_all_templates(smollm2_tokenizer, corruption, prepend_bos):
    pairs = ioi_pairs(smollm2_tokenizer, 120, corruption, 0, prepend_bos)
    assert sorted(pairs.templates) == sorted(
        template.label for template in TEMPLATES for _ in range(4)
    )
    for pair in pairs:
        assert len(pair.clean_tokens) == len(pair.corrupt_tokens)
        assert clean_names(smollm2_tokenizer, pair) == [
            f" {pair.answer}",
            f" {pair.wrong_answer}",
            f" {pair.wrong_answer}",
        ]
        assert pair.positions["S1+1"] == pair.positions["S1"] + 1
        assert pair.positions["END"] == len(pair.clean_tokens) - 1
        assert smollm2_tokenizer.decode([pair.clean_tokens[-1]]) == " to"
        start = 1 if prepend_bos is True else 0
        assert smollm2_tokenizer.decode(pair.corrupt_tokens[start:]) == pair.corrupt
        # The answer token is what the tokenizer itself puts behind the prompt.
        whole = smollm2_tokenizer(f"{pair.clean} {pair.answer}")["input_ids"]
        assert (*pair.clean_tokens[start:], pair.answer_token) == tuple(whole)


def clean_names(tokenizer, pair):
    return [
        tokenizer.decode([pair.clean_tokens[pair.positions[slot]]]) for slot in SLOTS
    ]


@pytest.mark.parametrize(
    ("corruption", "changed"),
    [
        ("s2_io_flip", {"S2"}),
        ("s2_random", {"S2"}),
        ("abc", {"IO", "S1", "S2"}),
        ("s1_io_flip", {"IO", "S1"}),
    ],
)
def test_only_the_corrupt_slots_change(smollm2_tokenizer, corruption, changed):
    for pair in ioi_pairs(smollm2_tokenizer, 60, corruption):
        differing = {
            position
            for position, (clean, corrupt) in enumerate(
                zip(pair.clean_tokens, pair.corrupt_tokens, strict=True)
            )
            if clean != corrupt
        }
        assert differing == {pair.positions[slot] for slot in changed}


def test_abc_names_are_five_different_ones(smollm2_tokenizer):
    for pair in ioi_pairs(smollm2_tokenizer, 60, "abc"):
        corrupt = {pair.corrupt_tokens[pair.positions[slot]] for slot in SLOTS}
        assert len(corrupt | {pair.answer_token, pair.wrong_answer_token}) == 5
