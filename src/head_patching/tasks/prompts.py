"""From two filled-in prompts to a pair: tokens, named positions and answers."""

from collections.abc import Sequence

from head_patching.tasks.pairs import PromptPair
from head_patching.tasks.tokens import (
    Encoded,
    Tokenizer,
    encode,
    next_token,
    word_position,
)

# The (first, last + 1) characters of the words that have names.
Spans = dict[str, tuple[int, int]]


def named_positions(
    tokenizer: Tokenizer, encoded: Encoded, spans: Spans, names: Sequence[str]
) -> dict[str, int]:
    """The token position of each name, checked to hold its word.

    `S1+1` is the position after S1, and `END` the last one.
    """
    at = {
        name: word_position(tokenizer, encoded, spans[name])
        for name in names
        if name in spans
    }
    at |= {f"{name}+1": position + 1 for name, position in at.items()}
    at["END"] = len(encoded.tokens) - 1
    return {name: at[name] for name in names}


def prompt_pair(
    tokenizer: Tokenizer,
    clean: tuple[str, Spans],
    corrupt: tuple[str, Spans],
    names: Sequence[str],
    answers: tuple[str, str],
    template: str,
    prepend_bos: bool,
) -> PromptPair:
    """The pair of two prompts, whose named positions and answers are one token each.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of Hugging Face.
    clean, corrupt
        Each a prompt and the spans of its named words.
    names
        The positions to name, in order.
    answers
        The answer and the wrong answer.
    template
        Label of the group that the pair belongs to.
    prepend_bos
        Whether a BOS token is put before each prompt.

    Raises
    ------
    ValueError
        With the prompts, when their lengths or named positions differ.
    """
    answer, wrong_answer = answers
    encoded = encode(tokenizer, clean[0], prepend_bos)
    corrupt_encoded = encode(tokenizer, corrupt[0], prepend_bos)
    positions = named_positions(tokenizer, encoded, clean[1], names)
    pair = PromptPair(
        clean=clean[0],
        corrupt=corrupt[0],
        clean_tokens=encoded.tokens,
        corrupt_tokens=corrupt_encoded.tokens,
        answer=answer,
        wrong_answer=wrong_answer,
        answer_token=next_token(tokenizer, encoded, answer, prepend_bos),
        wrong_answer_token=next_token(tokenizer, encoded, wrong_answer, prepend_bos),
        positions=positions,
        template=template,
    )
    corrupt_positions = named_positions(tokenizer, corrupt_encoded, corrupt[1], names)
    if corrupt_positions != positions:
        raise ValueError(
            f"pair {pair.clean!r}: named positions are {positions}, in its corrupt"
            f" prompt {pair.corrupt!r} {corrupt_positions}: they must be the same"
        )
    return pair
