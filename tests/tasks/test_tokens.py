"""Tokens, their places in the text, and the BOS."""

import pytest

from head_patching.tasks.tokens import (
    encode,
    next_token,
    resolve_prepend_bos,
    single_token_words,
    word_position,
)


@pytest.mark.parametrize(
    ("bos", "setting", "prepended"),
    [
        (None, "auto", False),
        ("known", "auto", False),
        ("added", "auto", True),
        ("known", True, True),
        ("added", False, False),
        (None, False, False),
    ],
)
def test_prepend_bos(word_tokenizer, bos, setting, prepended):
    assert resolve_prepend_bos(word_tokenizer(bos=bos), setting) is prepended


def test_only_a_bos_in_front_counts_as_added(word_tokenizer):
    ends_with_one = word_tokenizer(bos="at the end")
    assert ends_with_one("x")["input_ids"][-1] == ends_with_one.bos_token_id
    assert not resolve_prepend_bos(ends_with_one, "auto")
    reads_x_as_one = word_tokenizer(bos="known", without="x", unknown="<s>")
    assert reads_x_as_one("x")["input_ids"] == [reads_x_as_one.bos_token_id]
    assert not resolve_prepend_bos(reads_x_as_one, "auto")


def test_prepend_bos_needs_a_bos(word_tokenizer):
    with pytest.raises(ValueError, match="no bos_token_id"):
        resolve_prepend_bos(word_tokenizer(), True)


@pytest.mark.parametrize("setting", ["yes", "true", ""])
def test_prepend_bos_names_what_is_allowed(word_tokenizer, setting):
    with pytest.raises(ValueError, match="allowed: auto, true, false"):
        resolve_prepend_bos(word_tokenizer(bos="known"), setting)


@pytest.mark.parametrize("bos", ["known", "added"])
def test_encode_adds_exactly_the_bos_asked_for(word_tokenizer, bos):
    tokenizer = word_tokenizer(bos=bos)
    mary, sat = tokenizer.convert_tokens_to_ids(["Mary", "sat"])
    assert encode(tokenizer, "Mary sat", False).tokens == (mary, sat)
    assert encode(tokenizer, "Mary sat", True).tokens == (1, mary, sat)
    assert encode(tokenizer, "Mary sat", True).spans == ((0, 0), (0, 4), (5, 8))


def test_a_tokenizer_without_offsets_is_refused(word_tokenizer):
    tokenizer = word_tokenizer()

    class Slow:
        is_fast = False
        __call__ = tokenizer.__call__
        decode = tokenizer.decode

    with pytest.raises(ValueError, match="Slow gives no character offsets"):
        encode(Slow(), "Mary sat", False)


def test_unknown_and_divided_words_are_no_single_tokens(word_tokenizer):
    tokenizer = word_tokenizer("Ann")
    single = single_token_words(tokenizer, ["Mary", "Zoe", "Mary-Ann", "Ann"])
    assert single == {
        word: tokenizer.convert_tokens_to_ids(word) for word in ("Mary", "Ann")
    }


def test_next_token_is_what_the_word_adds(word_tokenizer):
    tokenizer = word_tokenizer(bos="known")
    prompt = encode(tokenizer, "So Mary sat", True)
    expected = tokenizer.convert_tokens_to_ids("Tom")
    assert next_token(tokenizer, prompt, "Tom", True) == expected
    with pytest.raises(ValueError, match="'Tom-Paul' is not one token behind"):
        next_token(tokenizer, prompt, "Tom-Paul", True)


def test_word_position_is_found_by_characters(word_tokenizer):
    tokenizer = word_tokenizer()
    text = "So Mary sat, Mary said"
    assert word_position(tokenizer, encode(tokenizer, text, False), (13, 17)) == 4
    assert word_position(tokenizer, encode(tokenizer, text, False), (3, 7)) == 1


@pytest.mark.parametrize("name", ["Zoe", "Mary-Tom"])
def test_word_position_refuses_other_than_one_token(word_tokenizer, name):
    tokenizer = word_tokenizer(bos="known")
    encoded = encode(tokenizer, f"So {name} sat", True)
    with pytest.raises(ValueError, match=f"'{name}' in prompt 'So {name} sat'"):
        word_position(tokenizer, encoded, (3, 3 + len(name)))
