"""Corruptions: the names of a corrupt IOI prompt in place of the clean ones.

A clean prompt holds IO, S, S in its slots IO, S1, S2. Each corruption is a pure
function of those names and of three fresh ones; the sentence around them stays the
same, so that only the names can explain an effect. Symmetric token replacement is what
Zhang & Nanda (2023, arXiv 2309.16042) recommend; they show that different corruptions
find different heads, and Heimersheim & Nanda (2024, arXiv 2404.15255, section 2.6)
tabulate what each one traces.
"""

from collections.abc import Callable
from typing import NamedTuple


class Names(NamedTuple):
    """The names in the three name slots of one prompt."""

    io: str
    s1: str
    s2: str


# Three distinct names, different from every name of the clean prompt.
FreshNames = tuple[str, str, str]


def s2_io_flip(names: Names, fresh: FreshNames) -> Names:
    """S2 becomes the IO name, so that S is now the right answer.

    The clean and the corrupt logit_diff have opposite signs: the strongest contrast.
    """
    return names._replace(s2=names.io)


def s2_random(names: Names, fresh: FreshNames) -> Names:
    """S2 becomes a third name: no name is repeated, so there is no right answer."""
    return names._replace(s2=fresh[0])


def abc(names: Names, fresh: FreshNames) -> Names:
    """Three fresh names: the p_ABC of Wang et al. 2022, section 2.1.

    Their released code can draw one name twice by accident; here the three differ from
    each other and from IO and S.
    """
    return Names(*fresh)


def s1_io_flip(names: Names, fresh: FreshNames) -> Names:
    """The first two names are swapped; the answer stays.

    The answer is IO in both prompts: only the position signal is corrupt, so the clean
    and the corrupt logit_diff may be too close to normalise by their difference.
    """
    return names._replace(io=names.s1, s1=names.io)


def renamed(names: Names, fresh: FreshNames) -> Names:
    """Both persons get fresh names, each in its old positions.

    The order of the persons and the repetition stay: only the token signal is corrupt.
    Both answers occur in the clean prompt only.
    """
    return Names(fresh[0], fresh[1], fresh[1])


CORRUPTIONS: dict[str, Callable[[Names, FreshNames], Names]] = {
    "s2_io_flip": s2_io_flip,
    "s2_random": s2_random,
    "abc": abc,
    "s1_io_flip": s1_io_flip,
    "renamed": renamed,
}
