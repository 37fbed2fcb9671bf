"""The frames of induction prompts that a tokenizer can use."""

import math
import re
from collections.abc import Collection
from itertools import chain, zip_longest

from head_patching.tasks.induction_words import (
    SURNAMES,
    TEXT_FRAMES,
    WORD_FRAMES,
    WORDS,
    Frame,
)
from head_patching.tasks.ioi_templates import NAMES
from head_patching.tasks.tokens import (
    Tokenizer,
    encode,
    enough_words,
    single_token_words,
)

# The longest prompt of random words holds 19, and two more are fresh.
MIN_WORDS = 25

# A, B and a fresh word for each, where both are drawn from one list.
MIN_CHOICE = 4


def text_words(text: str) -> set[str]:
    """The words of a text, without its slots, in lower case.

    Examples
    --------
    >>> sorted(text_words("Then, [W] the words [A] [B]. Again [A]"))
    ['again', 'the', 'then', 'words']
    """
    return set(re.findall(r"\w+", re.sub(r"\[\w\]", "", text).lower()))


def usable(tokenizer: Tokenizer, frame: Frame, known: Collection[str]) -> Frame | None:
    """The frame with those of the known words that its own text does not use.

    None if a word of the text is unknown to the tokenizer, since unknown words would be
    repetitions; if one before the pair is not a single token; or if too few are left.
    """
    unknown = getattr(tokenizer, "unk_token_id", None)
    plain = re.sub(r" \[\w\]", "", frame.text)
    if unknown in encode(tokenizer, plain, prepend_bos=False).tokens:
        return None
    before = frame.text.split(" [A] [B]")[0].split()[-2:]
    neighbours = [word for word in before if word != "[W]"]
    if len(single_token_words(tokenizer, neighbours)) < len(neighbours):
        return None
    taken = text_words(frame.text)
    left = {word for word in known if word.lower() not in taken}
    first, second = (
        tuple(word for word in words if word in left)
        for words in (frame.first, frame.second)
    )
    if min(len(first), len(second)) < MIN_CHOICE:
        return None
    return frame._replace(first=first, second=second)


def usable_frames(tokenizer: Tokenizer) -> list[Frame]:
    """The usable frames, of both kinds in turns while both last.

    Raises ValueError when the tokenizer knows too few words.
    """
    words = enough_words(tokenizer, "words", WORDS, MIN_WORDS)
    known = {*words, *single_token_words(tokenizer, NAMES + SURNAMES)}
    kinds = (
        filter(None, (usable(tokenizer, frame, known) for frame in frames))
        for frames in (WORD_FRAMES, TEXT_FRAMES)
    )
    return [frame for frame in chain(*zip_longest(*kinds)) if frame]


def capacity(frame: Frame) -> int:
    """How many clean prompts a frame gives; its two lists are the same or disjoint.

    Examples
    --------
    >>> capacity(Frame("", "So it is [A] [B] [W] [A]", tuple("abcd"), tuple("abcd")))
    24
    >>> capacity(Frame("", "So it is [A] [B]: [A]", tuple("abc"), tuple("de")))
    6
    """
    others = len(frame.second) - (frame.first == frame.second)
    return len(frame.first) * math.perm(others, 1 + frame.text.count("[W]"))
