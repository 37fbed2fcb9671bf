"""What a task needs of a tokenizer: tokens, their spans in the text, and the BOS."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """The part of a Hugging Face fast tokenizer that tasks use."""

    def __call__(self, text: str, **options: Any) -> Any: ...

    def decode(self, token_ids: list[int], **options: Any) -> str: ...


class Encoded(NamedTuple):
    """A text's tokens and, for each, its (first, last + 1) characters in the text."""

    text: str
    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def resolve_prepend_bos(tokenizer: Tokenizer, prepend_bos: bool | str) -> bool:
    """Whether a BOS token is put before every prompt.

    "auto" follows the tokenizer's own default: true if it adds one by itself (GPT-2 and
    SmolLM2 do not). A wrong choice can reverse a model's answer.
    """
    bos = getattr(tokenizer, "bos_token_id", None)
    if prepend_bos == "auto":
        plain = list(tokenizer("x", add_special_tokens=False)["input_ids"])
        default = list(tokenizer("x")["input_ids"])
        return bos is not None and len(default) > len(plain) and default[0] == bos
    if not isinstance(prepend_bos, bool):
        raise ValueError(f"prepend_bos is {prepend_bos!r}: allowed: auto, true, false")
    if prepend_bos and bos is None:
        raise ValueError(
            "prepend_bos is true, but the tokenizer has no bos_token_id:"
            " allowed: auto, false"
        )
    return prepend_bos


def encode(tokenizer: Tokenizer, text: str, prepend_bos: bool) -> Encoded:
    """The text's tokens; a prepended BOS is token 0 and spans no characters."""
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"tokenizer {type(tokenizer).__name__} gives no character offsets:"
            " a fast tokenizer is needed"
        )
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens = tuple(encoding["input_ids"])
    spans = tuple((first, last) for first, last in encoding["offset_mapping"])
    if prepend_bos:
        return Encoded(text, (tokenizer.bos_token_id, *tokens), ((0, 0), *spans))
    return Encoded(text, tokens, spans)


def single_token_words(tokenizer: Tokenizer, words: Iterable[str]) -> dict[str, int]:
    """The words that are one token after a space, in the order given, and that token.

    Each is tried behind another word, as in a prompt, because tokenizers differ on
    whether the space belongs to the word.
    """
    before = encode(tokenizer, "to", prepend_bos=False).tokens
    single = {}
    for word in words:
        *start, token = encode(tokenizer, f"to {word}", prepend_bos=False).tokens
        # An unknown word can be one token too, but one that decodes to another text.
        if tuple(start) == before and tokenizer.decode([token]).strip() == word:
            single[word] = token
    return single


def enough_words(
    tokenizer: Tokenizer, kind: str, words: Sequence[str], needed: int
) -> tuple[str, ...]:
    """The words that are a single token.

    Raises ValueError naming those left when they are too few.
    """
    single = tuple(single_token_words(tokenizer, words))
    if len(single) < needed:
        raise ValueError(
            f"{len(single)} of {len(words)} {kind} are a single token with a leading"
            f" space in this tokenizer ({', '.join(single) or 'none'}): at least"
            f" {needed} needed"
        )
    return single


def next_token(
    tokenizer: Tokenizer, prompt: Encoded, word: str, prepend_bos: bool
) -> int:
    """The one token that the word adds after the prompt."""
    longer = encode(tokenizer, f"{prompt.text} {word}", prepend_bos).tokens
    if longer[:-1] != prompt.tokens:
        raise ValueError(f"{word!r} is not one token behind prompt {prompt.text!r}")
    return longer[-1]


def word_position(tokenizer: Tokenizer, encoded: Encoded, span: tuple[int, int]) -> int:
    """The position of the one token that is the word in these characters.

    Raises ValueError when the word is several tokens or shares one with its neighbours.
    """
    first, last = span
    word = encoded.text[first:last]
    found = [
        position
        for position, (start, stop) in enumerate(encoded.spans)
        if start < last and stop > first
    ]
    pieces = [tokenizer.decode([encoded.tokens[position]]) for position in found]
    if [piece.strip() for piece in pieces] != [word]:
        raise ValueError(
            f"{word!r} in prompt {encoded.text!r} is tokenized as {pieces}:"
            " one token for the word alone is needed"
        )
    return found[0]
