"""What a terminal shows of the results."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from head_patching.reporting.terminal import print_head_results, print_heatmap_ascii


def result(layer: int, head: int, effect: float, **interval: float) -> SimpleNamespace:
    """One head's result, as the experiment gives it."""
    return SimpleNamespace(layer=layer, head=head, patching_effect=effect, **interval)


def shown(print_it, *arguments, **options) -> str:
    """What is printed on a plain terminal eighty columns wide."""
    console = Console(width=80, record=True, color_system=None)
    with console.capture() as capture:
        print_it(*arguments, console=console, **options)
    return capture.get()


def test_heads_are_sorted_by_size_and_cut():
    results = [result(0, 1, 0.1), result(5, 2, -0.4), result(3, 0, 0.1)]
    text = shown(print_head_results, results, top_k=2)
    assert text.index("L5H2") < text.index("L0H1")
    assert "L3H0" not in text
    assert "-0.400" in text
    assert "+0.100" in text
    assert "Top 2 of 3 heads" in text
    assert "interval" not in text


def test_intervals_are_shown_where_there_are_any():
    results = [result(0, 1, 0.1, ci_low=0.05, ci_high=0.2), result(1, 1, 0.05)]
    text = shown(print_head_results, results)
    assert "[+0.050, +0.200]" in text
    assert "interval" in text


def test_bars_are_as_long_as_effects_and_carry_the_sign():
    text = shown(print_head_results, [result(0, 0, 0.4), result(0, 1, -0.2)])
    assert "+" * 20 in text
    assert "-" * 10 in text
    assert "-" * 11 not in text


def test_no_heads_are_no_error():
    assert "Top 0 of 0" in shown(print_head_results, [])


def test_the_heat_map_has_layer_0_at_the_bottom_and_signs():
    text = shown(print_heatmap_ascii, [[0.0, 0.25], [-0.5, 0.004]], 2, 2)
    assert text.splitlines()[1:] == [
        "L1  |  -50    .",
        "L0  |    .  +25",
        "    +----------",
        "        H0   H1",
    ]
    assert text.isascii()


def test_the_heat_map_of_a_deep_model_fits_a_terminal():
    text = shown(print_heatmap_ascii, [[0.1] * 12] * 30, 30, 12)
    assert len(text.splitlines()) == 33
    assert max(map(len, text.splitlines())) <= 80


def test_missing_effects_are_question_marks():
    assert "?" in shown(print_heatmap_ascii, [[float("nan")]], 1, 1)


def test_a_heat_map_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="2 layers x 3 heads"):
        print_heatmap_ascii([[0.0, 0.1]], 2, 3)
