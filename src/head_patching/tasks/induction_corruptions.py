"""Corruptions: the words of a corrupt induction prompt.

A clean prompt holds two words, A and B, and at its end A again. Each corruption is a
pure function of the pair A B, of the two words before it and of two fresh words; the
rest of the prompt, and with it the A at the end, stays the same.
"""

from collections.abc import Callable
from typing import NamedTuple


class Slots(NamedTuple):
    """Four neighbouring words: the two before the pair, and the pair."""

    first: str
    second: str
    a: str
    b: str


class Fresh(NamedTuple):
    """A word in place of A and one in place of B; neither is in the prompt."""

    a: str
    b: str


def b1_replaced(slots: Slots, fresh: Fresh) -> Slots:
    """B becomes another word, the wrong answer, which is now the right one.

    The copied word changes, not its position: the clean and the corrupt logit_diff have
    opposite signs, the strongest contrast.
    """
    return slots._replace(b=fresh.b)


def a1_replaced(slots: Slots, fresh: Fresh) -> Slots:
    """A1 becomes another word: END has no earlier match, and B is still there."""
    return slots._replace(a=fresh.a)


def moved(slots: Slots, fresh: Fresh) -> Slots:
    """The pair is swapped with the two words before it.

    Its position changes; its words and the match with END stay. The answer is B in both
    prompts, so the clean and the corrupt logit_diff may be too close to normalise by
    their difference. Named positions are those of the clean prompt.
    """
    return Slots(slots.a, slots.b, slots.first, slots.second)


def unrelated(slots: Slots, fresh: Fresh) -> Slots:
    """Both words of the pair are replaced: no word is repeated, and B is absent."""
    return slots._replace(a=fresh.a, b=fresh.b)


CORRUPTIONS: dict[str, Callable[[Slots, Fresh], Slots]] = {
    "b1_replaced": b1_replaced,
    "a1_replaced": a1_replaced,
    "moved": moved,
    "unrelated": unrelated,
}
