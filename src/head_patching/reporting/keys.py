"""Keys of the text's numbers, and the small phrases that several of them share."""

from collections.abc import Iterable

import pandas as pd

from head_patching.reporting.rounding import (
    SMALL_P,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.terms import HEAD, head_name

Numbers = dict[str, str]

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def slug(name: str) -> str:
    """A name as a part of a key.

    Examples
    --------
    >>> slug("backup name mover"), slug("s2_io_flip")
    ('backup-name-mover', 's2-io-flip')
    """
    return name.lower().replace(" ", "-").replace("_", "-")


def flag(value: object) -> str:
    r"""The word that `\ifresult` reads."""
    return "true" if value else "false"


def number_word(count: int) -> str:
    """Counts up to nine in words, larger ones in digits."""
    return WORDS[count] if count < len(WORDS) else str(count)


def counted(key: str, heads: pd.DataFrame | pd.Index) -> Numbers:
    r"""The keys with which `\countedheads` and `\howmany` count and name heads.

    Heads are rows with a layer and a head, or an index of both; they are named in the
    order in which they are given.
    """
    if isinstance(heads, pd.Index):
        heads = heads.to_frame(index=False)
    names = [head_name(*head) for head in pairs_of(heads)]
    return {
        f"{key}/n": str(len(names)),
        f"{key}/n-words": number_word(len(names)),
        f"{key}/one": flag(len(names) == 1),
        f"{key}/found": flag(len(names) > 0),
        f"{key}/heads": join_names(names),
    }


def counted_pairs(key: str, heads: Iterable[tuple[int, int]]) -> Numbers:
    """As `counted`, of heads that are pairs (layer, head)."""
    return counted(key, pd.DataFrame(list(heads), columns=HEAD))


def pairs_of(heads: pd.DataFrame) -> list[tuple[int, int]]:
    """Layer and head of each row."""
    return list(zip(heads["layer"].tolist(), heads["head"].tolist(), strict=True))


def p_numbers(key: str, p_value: float) -> Numbers:
    """A p-value; one below the bound is said to be smaller than the bound."""
    small = p_value < SMALL_P
    return {
        f"{key}/p-value": f"{SMALL_P:g}" if small else format_number(p_value, 3),
        f"{key}/p-is-small": flag(small),
    }


def effect_text(value: float) -> str:
    """An effect in the text: two decimals and a sign."""
    return math_mode(format_number(value, 2, sign=True))


def interval_text(low: float, high: float) -> str:
    """The interval of an effect in the text: two decimals and signs."""
    return math_mode(format_interval(low, high, 2, sign=True))
