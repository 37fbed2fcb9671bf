"""Rounding, signs and escapes, against values worked out by hand."""

import math

import pytest

from head_patching.reporting.rounding import (
    escape,
    exact_values,
    format_effect,
    format_interval,
    format_number,
    format_percent,
    join_names,
    math_mode,
    scientific,
)
from head_patching.terms import head_name


@pytest.mark.parametrize(
    ("value", "digits", "sign", "expected"),
    [
        (0.12345, 3, True, "+0.123"),
        (-0.12345, 3, True, "-0.123"),
        (0.1235, 2, False, "0.12"),
        (5.0, 2, True, "+5.00"),
        (-0.0004, 3, True, "0.000"),  # no -0.000, and no sign on a zero
        (0.0004, 3, True, "0.000"),
        (0.0005001, 3, True, "+0.001"),
        (math.nan, 2, True, "--"),
        (math.inf, 2, False, "--"),
    ],
)
def test_numbers_are_rounded_once_and_keep_their_sign(value, digits, sign, expected):
    assert format_number(value, digits, sign=sign) == expected


def test_an_effect_shows_sign_and_interval():
    assert format_effect(-0.25, -0.3125, 0.0) == "-0.250 [-0.312, 0.000]"
    assert format_effect(1.5, 1.0, 2.0, 1) == "+1.5 [+1.0, +2.0]"


def test_an_effect_without_an_interval_is_a_number():
    assert format_effect(0.4) == "+0.400"
    assert format_interval(math.nan, 0.3) == "--"


def test_a_share_is_written_in_per_cent():
    assert format_percent(0.954) == "95"
    assert format_percent(0.0123, 1) == "1.2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.94e-5, r"2.9\times 10^{-5}"),
        (1e-4, r"1.0\times 10^{-4}"),
        (9.96e-6, r"1.0\times 10^{-5}"),  # the rounded mantissa carries over
        (0.0, "0"),
        (math.nan, "--"),
    ],
)
def test_small_numbers_are_powers_of_ten(value, expected):
    assert scientific(value) == expected


def test_every_special_character_is_escaped():
    escaped = {
        "a_b": r"a\_b",
        "50%": r"50\%",
        "R&D": r"R\&D",
        "#1": r"\#1",
        "$x$": r"\$x\$",
        "{}": r"\{\}",
        "\\": r"\textbackslash{}",
        "~^": r"\textasciitilde{}\textasciicircum{}",
        "a>b|c<d": r"a\textgreater{}b\textbar{}c\textless{}d",
    }
    for text, expected in escaped.items():
        assert escape(text) == expected


def test_a_dash_is_no_formula():
    assert math_mode("-0.5") == r"\ensuremath{-0.5}"
    assert math_mode("--") == "--"


def test_heads_are_named_and_listed():
    assert head_name(9, 6) == "L9H6"
    assert join_names([]) == ""
    assert join_names(["L0H1"]) == "L0H1"
    assert join_names(["L0H1", "L2H3"]) == "L0H1 and L2H3"
    assert join_names(["a", "b", "c", "d"], most=2) == "a, b and 2 more"


def test_printed_numbers_remember_what_they_were_rounded_from():
    assert exact_values(math_mode(format_number(0.12345, 2))) == (0.12345,)
    assert exact_values(format_percent(0.954)) == (100 * 0.954,)
    assert exact_values(math_mode(format_interval(0.111, 0.222))) == (0.111, 0.222)
    assert exact_values(format_effect(0.5, 0.25, 0.75)) == (0.5, 0.25, 0.75)
    assert exact_values(scientific(2.94e-5)) == (2.94e-5,)
    assert exact_values(format_number(math.nan)) == exact_values("3") == ()
