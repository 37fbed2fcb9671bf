"""The one place in which numbers are rounded and written out.

Effects always have their sign, also +. A number that rounds to zero has no sign, so
that no table says -0.00. A missing number is a dash.
"""

import math

MISSING = "--"
EFFECT_DIGITS = 3
SMALL_P = 1e-3  # smaller p-values are printed as below this bound


class Rounded(str):
    """A printed number that remembers what it was rounded from: one, or two bounds."""

    exact: tuple[float, ...]

    def __new__(cls, text: str, *exact: float) -> "Rounded":
        printed = super().__new__(cls, text)
        printed.exact = tuple(float(value) for value in exact)
        return printed


class Listed(str):
    """A printed list that remembers all its names, also those it leaves out."""

    names: tuple[str, ...]

    def __new__(cls, text: str, *names: str) -> "Listed":
        printed = super().__new__(cls, text)
        printed.names = names
        return printed


def listed_names(text: str) -> tuple[str, ...]:
    """All names of a printed list; empty for any other text."""
    return text.names if isinstance(text, Listed) else ()


def exact_values(text: str) -> tuple[float, ...]:
    """The values of a printed number before rounding; empty for a count or a word."""
    return text.exact if isinstance(text, Rounded) else ()


def format_number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """The number with a fixed count of decimals.

    Examples
    --------
    >>> format_number(0.1234, 2, sign=True), format_number(-0.001, 2, sign=True)
    ('+0.12', '0.00')
    """
    if not math.isfinite(value):
        return MISSING
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return Rounded(text.lstrip("+-") if float(text) == 0 else text, value)


def format_interval(
    low: float, high: float, digits: int = 2, *, sign: bool = False
) -> str:
    """[low, high]; a dash when either bound is missing."""
    bounds = [format_number(bound, digits, sign=sign) for bound in (low, high)]
    if MISSING in bounds:
        return MISSING
    return Rounded(f"[{bounds[0]}, {bounds[1]}]", low, high)


def format_effect(
    value: float,
    low: float = math.nan,
    high: float = math.nan,
    digits: int = EFFECT_DIGITS,
) -> str:
    """An effect with explicit sign and, where there is one, its interval.

    Examples
    --------
    >>> format_effect(0.4126, 0.35, 0.4715)
    '+0.413 [+0.350, +0.471]'
    """
    interval = format_interval(low, high, digits, sign=True)
    number = format_number(value, digits, sign=True)
    if interval == MISSING:
        return number
    return Rounded(f"{number} {interval}", value, low, high)


def format_percent(value: float, digits: int = 0) -> str:
    """A share as a per cent figure without the sign: 0.954 is 95."""
    return format_number(100 * value, digits)


def scientific(value: float) -> str:
    r"""Two digits and a power of ten in LaTeX: 2.9\times 10^{-5}; 0 stays 0."""
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return Rounded("0", value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return Rounded(rf"{mantissa}\times 10^{{{int(exponent)}}}", value)


def math_mode(text: str) -> str:
    """LaTeX in which a minus is a minus, in text and in formulas alike."""
    if text == MISSING:
        return text
    return Rounded(rf"\ensuremath{{{text}}}", *exact_values(text))


def join_names(names: list[str], most: int = 8) -> str:
    """An English list; beyond `most` names, how many more there are.

    Examples
    --------
    >>> join_names(["L1H0", "L2H3", "L9H6"])
    'L1H0, L2H3 and L9H6'
    >>> join_names(["L1H0", "L2H3", "L9H6"], most=1)
    'L1H0 and 2 more'
    """
    shown = names[:most]
    if len(names) > most:
        shown = [*shown, f"{len(names) - most} more"]
    if len(shown) < 2:
        return Listed("".join(shown), *names)
    return Listed(f"{', '.join(shown[:-1])} and {shown[-1]}", *names)


def escape(text: str) -> str:
    """Text whose special characters LaTeX prints instead of obeying."""
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    } | {char: rf"\{char}" for char in "&%$#_{}"}
    return "".join(special.get(char, char) for char in str(text))
