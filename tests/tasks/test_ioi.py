"""IOI pairs over a word-level tokenizer, where positions can be counted by hand."""

from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from head_patching.tasks import find_task, tasks
from head_patching.tasks.corruptions import CORRUPTIONS, Names
from head_patching.tasks.ioi import IOIDataset, ioi_pairs, scene_pair
from head_patching.tasks.ioi_scenes import (
    Scene,
    draw_fresh_names,
    fill,
    usable_words,
)
from head_patching.tasks.ioi_templates import TEMPLATES

MARY_JOHN = Names("Mary", "John", "John")
BABA_01, ABBA_01 = TEMPLATES[:2]
ABBA_14 = TEMPLATES[27]


def pair_of(tokenizer, template, corrupt_names, prepend_bos=False):
    scene = Scene(template, MARY_JOHN, "store", "drink")
    return scene_pair(tokenizer, scene, Names(*corrupt_names), prepend_bos)


def test_baba_pair_by_hand(word_tokenizer):
    tokenizer = word_tokenizer()
    pair = pair_of(tokenizer, BABA_01, ("Mary", "John", "Mary"))
    assert pair.clean == "Then, John and Mary went to the store. John gave a drink to"
    assert pair.corrupt == "Then, John and Mary went to the store. Mary gave a drink to"
    # 0 Then 1 , 2 John 3 and 4 Mary 5 went 6 to 7 the 8 store 9 . 10 John 11 gave
    # 12 a 13 drink 14 to
    assert pair.positions == {"IO": 4, "S1": 2, "S1+1": 3, "S2": 10, "END": 14}
    assert pair.template == "BABA-01"
    mary, john = tokenizer.convert_tokens_to_ids(["Mary", "John"])
    assert (pair.answer, pair.answer_token) == ("Mary", mary)
    assert (pair.wrong_answer, pair.wrong_answer_token) == ("John", john)
    differing = [
        position
        for position in range(15)
        if pair.clean_tokens[position] != pair.corrupt_tokens[position]
    ]
    assert differing == [10]


def test_abba_pair_by_hand_with_bos(word_tokenizer):
    tokenizer = word_tokenizer(bos="known")
    pair = pair_of(tokenizer, ABBA_14, ("Tom", "Anna", "Paul"), prepend_bos=True)
    assert pair.clean == "The store Mary and John went to had a drink. John gave it to"
    assert pair.corrupt == "The store Tom and Anna went to had a drink. Paul gave it to"
    # 0 <s> 1 The 2 store 3 Mary 4 and 5 John 6 went 7 to 8 had 9 a 10 drink 11 .
    # 12 John 13 gave 14 it 15 to
    assert pair.positions == {"IO": 3, "S1": 5, "S1+1": 6, "S2": 12, "END": 15}
    assert pair.clean_tokens[0] == pair.corrupt_tokens[0] == tokenizer.bos_token_id
    # The answers are those of the clean prompt, whatever the corrupt one holds.
    assert (pair.answer, pair.wrong_answer) == ("Mary", "John")


def test_an_object_named_twice_is_the_same_object():
    prompt, _ = fill(Scene(TEMPLATES[14], MARY_JOHN, "park", "book"))
    assert prompt == (
        "When John and Mary got a book at the park, John decided to give the book to"
    )


def test_a_name_of_another_length_is_refused_with_the_prompt(word_tokenizer):
    with pytest.raises(
        ValueError, match=r"15 tokens, its corrupt.*store\. Mary-Tom gave"
    ):
        pair_of(word_tokenizer(), BABA_01, ("Mary", "John", "Mary-Tom"))


def test_positions_that_differ_are_refused_with_the_prompts(word_tokenizer):
    class Shifting:
        """Reads "Paul" as one token more, and drops the full stop instead."""

        def __init__(self, tokenizer):
            self.tokenizer = tokenizer
            self.is_fast = True

        def __call__(self, text, **options):
            encoding = dict(self.tokenizer(text, **options))
            if "Paul" in text:
                spans = encoding["offset_mapping"]
                stop = text.index(".")
                end = next(i for i, span in enumerate(spans) if span[0] == stop)
                for key, new in (("input_ids", 0), ("offset_mapping", (0, 0))):
                    values = list(encoding[key])
                    del values[end]
                    encoding[key] = [new, *values]
            return encoding

        def decode(self, token_ids, **options):
            return self.tokenizer.decode(token_ids, **options)

    with pytest.raises(ValueError, match=r"'IO': 4.*'IO': 5.*must be the same"):
        pair_of(Shifting(word_tokenizer()), BABA_01, ("Mary", "John", "Paul"))


@pytest.mark.parametrize("n_pairs", [1, 3, 30, 64, 600])
def test_distinct_and_balanced_over_templates_and_orders(word_tokenizer, n_pairs):
    """600 = 5 names x 4 x 1 place x 1 object x 30: every prompt there is."""
    tokenizer = word_tokenizer(without="Eric Kate Anna park book", words="Sarah")
    assert usable_words(tokenizer) == (
        ("John", "Mary", "Paul", "Sarah", "Tom"),
        ("store",),
        ("drink",),
    )
    pairs = ioi_pairs(tokenizer, n_pairs)
    assert len({pair.clean for pair in pairs}) == len(pairs) == n_pairs
    counts = [pairs.templates.count(template.label) for template in TEMPLATES]
    assert max(counts) - min(counts) <= 1
    orders = Counter(label[:4] for label in pairs.templates)
    assert orders["BABA"] - orders["ABBA"] == n_pairs % 2


def test_more_pairs_than_prompts_is_one_line(word_tokenizer):
    tokenizer = word_tokenizer(without="Eric Kate park book")
    with pytest.raises(ValueError, match=r"^n_pairs is 601: .* 600 distinct .*$"):
        ioi_pairs(tokenizer, 601)


def test_same_seed_same_pairs(word_tokenizer):
    first, again, other = (
        ioi_pairs(word_tokenizer(), 45, "abc", seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.pairs != other.pairs


def test_templates_are_shuffled(word_tokenizer):
    templates = ioi_pairs(word_tokenizer(), 60).templates
    assert sum(a == b for a, b in pairwise(templates)) < 10  # 30 if they are grouped


def test_corruptions_and_bos_share_the_clean_prompts(word_tokenizer):
    tokenizer = word_tokenizer(bos="known")
    clean = [pair.clean for pair in ioi_pairs(tokenizer, 40, "s2_io_flip", 3)]
    for corruption in CORRUPTIONS:
        pairs = ioi_pairs(tokenizer, 40, corruption, 3, prepend_bos=True)
        assert [pair.clean for pair in pairs] == clean
        assert (pairs.corruption, pairs.prepend_bos) == (corruption, True)


def test_fresh_names_are_new_and_distinct():
    rng = np.random.default_rng(0)
    names = ["Mary", "John", "Tom", "Anna", "Paul"]
    for _ in range(50):
        assert sorted(draw_fresh_names(MARY_JOHN, names, rng)) == [
            "Anna",
            "Paul",
            "Tom",
        ]


def test_names_that_are_left_are_listed(word_tokenizer):
    tokenizer = word_tokenizer(without="Tom Anna Paul Eric Kate")
    with pytest.raises(ValueError, match=r"2 of .* names .*\(John, Mary\).* 5 needed"):
        ioi_pairs(tokenizer, 1)


def test_no_object_left(word_tokenizer):
    with pytest.raises(ValueError, match=r"0 of .* objects .*\(none\).* 1 needed"):
        ioi_pairs(word_tokenizer(without="drink book"), 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_pairs": 0}, "n_pairs is 0: allowed: whole numbers from 1"),
        ({"n_pairs": 1, "seed": -1}, "seed is -1: allowed: whole numbers from 0"),
        (
            {"n_pairs": 1, "corruption": "s2_io_flop"},
            "unknown corruption 's2_io_flop': did you mean 's2_io_flip'[?] allowed:"
            " s2_io_flip, s2_random, abc, s1_io_flip",
        ),
        ({"n_pairs": 1, "prepend_bos": True}, "no bos_token_id"),
    ],
)
def test_wrong_arguments(word_tokenizer, arguments, message):
    with pytest.raises(ValueError, match=message):
        ioi_pairs(word_tokenizer(), **arguments)


def test_dataset_is_made_for_the_model_s_tokenizer(word_tokenizer):
    model = SimpleNamespace(tokenizer=word_tokenizer())
    dataset = IOIDataset(model, n_pairs=12, seed=4, corruption="abc")
    assert len(dataset) == 12
    expected = ioi_pairs(model.tokenizer, 12, "abc", 4)
    assert dataset.get_clean_corrupt_pairs() == expected


def test_registry(word_tokenizer):
    task = find_task("ioi")
    assert task is tasks()["ioi"]
    pairs = task.build(word_tokenizer(), 5, task.corruptions[1], 0, "auto")
    assert (pairs.task, pairs.corruption) == (task.name, "s2_random")
    assert pairs.position_names == task.position_names


def test_registry_suggests_the_nearest_task():
    with pytest.raises(ValueError, match="unknown task 'IOI2': did you mean 'ioi'"):
        find_task("IOI2")
    message = "unknown task 'copying': allowed: induction, ioi"
    with pytest.raises(ValueError, match=message):
        find_task("copying")
