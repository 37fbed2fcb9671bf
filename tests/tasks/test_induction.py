"""Induction pairs: by hand over a word-level tokenizer, then whatever the seed."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from head_patching.tasks import find_task
from head_patching.tasks.induction import (
    Scene,
    draw_scenes,
    fill,
    induction_pairs,
    scene_pair,
)
from head_patching.tasks.induction_corruptions import CORRUPTIONS, Fresh, Slots
from head_patching.tasks.induction_frames import usable, usable_frames
from head_patching.tasks.induction_words import TEXT_FRAMES, WORD_FRAMES, WORDS, Frame
from head_patching.tasks.ioi_templates import NAMES, OBJECTS, PLACES, prompt_words

SLOTS, FRESH = Slots("ring", "bank", "drink", "park"), Fresh("box", "hat")
WORDS_03 = Scene("words-03", "Then,", SLOTS, " key", "drink", FRESH)
SENTENCE = Scene(
    "text-01",
    "Then the",
    Slots("store", "was", "Mary", "Park"),
    ". Tom said",
    "Mary",
    Fresh("Kate", "Ring"),
)

BY_HAND = {
    "b1_replaced": ("ring", "bank", "drink", "hat"),
    "a1_replaced": ("ring", "bank", "box", "park"),
    "moved": ("drink", "park", "ring", "bank"),
    "unrelated": ("ring", "bank", "box", "hat"),
}


@pytest.fixture(scope="module")
def ioi_tokenizer(word_tokenizer):
    """Knows the words of the IOI prompts alone, as planted models do."""
    return word_tokenizer(" ".join(prompt_words()), bos="added")


@pytest.fixture(scope="module", params=["ioi_tokenizer", "smollm2_tokenizer"])
def tokenizer(request):
    """A tokenizer with word frames only, and one with all frames."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(("corruption", "corrupt"), BY_HAND.items())
def test_corrupt_slots(corruption, corrupt):
    assert CORRUPTIONS[corruption](SLOTS, FRESH) == corrupt


def test_every_corruption_is_tested_by_hand():
    assert set(BY_HAND) == set(CORRUPTIONS)


def test_random_words_by_hand(ioi_tokenizer):
    pair = scene_pair(ioi_tokenizer, WORDS_03, Slots(*BY_HAND["unrelated"]), True)
    assert pair.clean == "Then, ring bank drink park key drink"
    assert pair.corrupt == "Then, ring bank box hat key drink"
    # 0 <s> 1 Then 2 , 3 ring 4 bank 5 drink 6 park 7 key 8 drink
    assert pair.positions == {"A1": 5, "B1": 6, "END": 8}
    park, hat = ioi_tokenizer.convert_tokens_to_ids(["park", "hat"])
    assert (pair.answer, pair.answer_token) == ("park", park)
    # What the corrupt prompt holds in place of B.
    assert (pair.wrong_answer, pair.wrong_answer_token) == ("hat", hat)
    assert pair.corrupt_tokens[6] == hat
    assert pair.template == "words-03"


def test_sentence_by_hand(word_tokenizer):
    tokenizer = word_tokenizer("Park Ring was the")
    moved = CORRUPTIONS["moved"](SENTENCE.slots, SENTENCE.fresh)
    pair = scene_pair(tokenizer, SENTENCE, moved, False)
    assert pair.clean == "Then the store was Mary Park. Tom said Mary"
    assert pair.corrupt == "Then the Mary Park store was. Tom said Mary"
    # 0 Then 1 the 2 store 3 was 4 Mary 5 Park 6 . 7 Tom 8 said 9 Mary
    assert pair.positions == {"A1": 4, "B1": 5, "END": 9}
    assert (pair.answer, pair.wrong_answer) == ("Park", "Ring")


def test_a_word_of_another_length_is_refused_with_the_prompt(ioi_tokenizer):
    with pytest.raises(ValueError, match=r"8 tokens, its corrupt .*ring bank hat-box"):
        scene_pair(ioi_tokenizer, WORDS_03, SLOTS._replace(a="hat-box"), False)


def test_a_frame_keeps_the_words_that_its_own_text_leaves(ioi_tokenizer):
    frame = Frame("f", "The store had a [A] [B] [W] [A]", WORDS, WORDS)
    left = usable(ioi_tokenizer, frame, {*PLACES, *OBJECTS})
    assert left.text == frame.text
    assert left.first == left.second
    assert set(left.first) == {*PLACES, *OBJECTS} - {"store"}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Then the aardvark had a [A] [B]. The [A]", WORDS),  # unknown
        ("Then the store. a [A] [B]. The [A]", WORDS),  # "store." is two tokens
        ("Then the store had a [A] [B]. The [A]", ("box", "hat", "key")),
    ],
)
def test_a_frame_that_is_not_used(ioi_tokenizer, text, known):
    assert usable(ioi_tokenizer, Frame("f", text, WORDS, WORDS), known) is None


def test_frames_of_a_tokenizer_that_knows_the_ioi_words(ioi_tokenizer):
    frames = usable_frames(ioi_tokenizer)
    assert [frame.label for frame in frames] == [frame.label for frame in WORD_FRAMES]
    assert set(frames[0].first) == {*PLACES, *OBJECTS}


def test_smollm2_has_all_frames_and_words(smollm2_tokenizer):
    frames = usable_frames(smollm2_tokenizer)
    assert [frame.label for frame in frames[:4]] == [
        "words-03",
        "text-01",
        "words-04",
        "text-02",
    ]
    assert {frame.label for frame in frames} == {
        frame.label for frame in WORD_FRAMES + TEXT_FRAMES
    }
    assert frames[0].first == WORDS
    assert frames[-1].first == NAMES


def test_positions_changes_and_answers_whatever_the_seed(tokenizer):
    """Read off the tokens, against what each corruption is said to change."""

    @settings(max_examples=25)
    @given(
        st.sampled_from(sorted(CORRUPTIONS)), st.integers(0, 2**32), st.integers(1, 70)
    )
    def check(corruption, seed, n_pairs):
        pairs = induction_pairs(tokenizer, n_pairs, corruption, seed)
        assert len({pair.clean for pair in pairs}) == len(pairs) == n_pairs
        counts = Counter(pairs.templates).values()
        n_groups = len(usable_frames(tokenizer))
        assert len(counts) == min(n_pairs, n_groups)
        assert max(counts) - min(counts) <= 1
        for pair in pairs:
            check_pair(tokenizer, pair, corruption)

    check()


def check_pair(tokenizer, pair, corruption):
    clean, corrupt = pair.clean_tokens, pair.corrupt_tokens
    a1, b1, end = pair.positions.values()
    kind, number = pair.template.split("-")
    assert (b1, end) == (a1 + 1, len(clean) - 1)
    # Before the pair are some word, besides a BOS, and the two words that can move.
    assert a1 >= 3 + (clean[0] == tokenizer.bos_token_id)
    assert end - a1 == int(number) if kind == "words" else 6 <= end - a1 <= 14
    assert clean[a1] == clean[end] == corrupt[end]
    assert clean[b1] == pair.answer_token
    assert tokenizer.decode([pair.answer_token]).strip() == pair.answer
    assert tokenizer.decode([pair.wrong_answer_token]).strip() == pair.wrong_answer
    assert clean.count(clean[a1]) == 2
    assert clean.count(pair.answer_token) == 1
    assert pair.wrong_answer_token not in clean
    if kind == "words":
        assert len(set(clean)) == len(clean) - 1, "A alone is repeated"
    meant = {"b1_replaced": {b1}, "a1_replaced": {a1}, "unrelated": {a1, b1}}
    differing = {at for at in range(end + 1) if clean[at] != corrupt[at]}
    if corruption == "moved":
        x, y = a1 - 2, a1 - 1
        assert differing == {x, y, a1, b1}
        assert corrupt[x : b1 + 1] == (clean[a1], clean[b1], clean[x], clean[y])
    else:
        assert differing == meant[corruption]
        new = {corrupt[at] for at in differing}
        assert not new & set(clean)
        assert len(new) == len(differing)
    replaced = corruption in ("b1_replaced", "unrelated")
    assert (pair.answer_token in corrupt) is not replaced
    assert (corrupt[b1] == pair.wrong_answer_token) is replaced
    matches = corrupt.count(corrupt[end]) - 1
    assert matches == (corruption in ("b1_replaced", "moved"))


def test_corruptions_and_bos_share_clean_prompts_and_answers(tokenizer):
    def asked(corruption, prepend_bos):
        pairs = induction_pairs(tokenizer, 40, corruption, 3, prepend_bos)
        assert (pairs.corruption, pairs.task) == (corruption, "induction")
        return [(pair.clean, pair.answer, pair.wrong_answer) for pair in pairs]

    expected = asked("b1_replaced", False)
    for corruption in CORRUPTIONS:
        assert asked(corruption, True) == expected


def test_same_seed_same_pairs(ioi_tokenizer):
    first, again, other = (
        induction_pairs(ioi_tokenizer, 45, "moved", seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.pairs != other.pairs


def test_groups_are_shuffled(smollm2_tokenizer):
    templates = induction_pairs(smollm2_tokenizer, 60).templates
    assert sum(a == b for a, b in pairwise(templates)) < 10  # 30 if they are grouped


def test_every_prompt_there_is_and_not_one_more():
    """Frame f has 5 x 4 prompts, frame g 4 x 6, and f has the first turn."""
    frames = [
        Frame("f", "So it is [A] [B]: [A]", tuple("abcde"), tuple("abcde")),
        Frame("g", "So it is [A] [B]. [A]", tuple("abcd"), tuple("uvwxyz")),
    ]
    rng = np.random.default_rng(0)
    scenes = draw_scenes(40, frames, rng)  # 41 would take 21 of f
    assert len({fill(scene)[0] for scene in scenes}) == 40
    with pytest.raises(
        ValueError, match=r"^n_pairs is 41: .* there are 40 distinct .* 2 frames$"
    ):
        draw_scenes(41, frames, rng)


def test_too_few_words_are_listed(word_tokenizer):
    with pytest.raises(
        ValueError,
        match=r"^4 of \d+ words .* \(book, drink, park, store\): at least 25 needed$",
    ):
        induction_pairs(word_tokenizer(), 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_pairs": 0}, "n_pairs is 0: allowed: whole numbers from 1"),
        ({"n_pairs": 1, "seed": -1}, "seed is -1: allowed: whole numbers from 0"),
        (
            {"n_pairs": 1, "corruption": "b2_replaced"},
            "unknown corruption 'b2_replaced': did you mean 'b1_replaced'[?] allowed:"
            " b1_replaced, a1_replaced, moved, unrelated",
        ),
        ({"n_pairs": 1, "prepend_bos": "no"}, "prepend_bos is 'no': allowed: auto"),
        ({"n_pairs": 10**9}, r"n_pairs is 1000000000: .* \d+ distinct prompts"),
    ],
)
def test_wrong_arguments(smollm2_tokenizer, arguments, message):
    with pytest.raises(ValueError, match=message):
        induction_pairs(smollm2_tokenizer, **arguments)


def test_registry(ioi_tokenizer):
    task = find_task("induction")
    pairs = task.build(ioi_tokenizer, 5, task.corruptions[0], 0, "auto")
    assert (pairs.task, pairs.corruption) == (task.name, "b1_replaced")
    assert pairs.prepend_bos is True
    assert pairs.position_names == task.position_names
