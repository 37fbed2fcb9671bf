"""What the chapter says of the choice of heads, and of those drawn at random."""

import numpy as np
import pandas as pd
import pytest

from head_patching.reporting.choice import audit_numbers, choice_numbers

SETTINGS = {
    "settings": {
        "importance.threshold": 0.02,
        "chosen_heads.share_of_threshold": 0.5,
        "statistics.level": 0.95,
    }
}


def chosen_heads(*rows: tuple[int, int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["layer", "head", "reason", "estimate"])


def effects(n_layers: int = 2, n_heads: int = 4) -> pd.DataFrame:
    """Outputs in both directions, and a patch type with larger effects."""
    rows = [
        (kind, direction, layer, head, size * sign)
        for kind, size in (("output", 0.1), ("v", 0.9))
        for direction, sign in (("denoising", -1), ("noising", 2))
        for layer, head in np.ndindex(n_layers, n_heads)
    ]
    names = ["patch_type", "direction", "layer", "head", "effect"]
    return pd.DataFrame(rows, columns=names)


def audit(*rows: tuple[int, int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["layer", "head", "effect", "estimate"])


def test_heads_are_counted_by_why_they_were_chosen():
    """One important head of two has an estimate of 0.01, half of the threshold."""
    table = chosen_heads(
        (0, 0, "important", 0.01),
        (0, 1, "important", 0.0099),
        (0, 2, "estimate", 0.015),
        (1, 3, "random", 0.001),
    )
    numbers = choice_numbers(table, effects(), SETTINGS)
    assert numbers["chosen/n"] == "4"
    assert numbers["chosen/n-others"] == "4"
    assert numbers["chosen/all"] == "false"
    assert numbers["chosen/n-important"] == "2"
    assert numbers["chosen/n-by-estimate"] == "1"
    assert numbers["chosen/n-random"] == "1"
    assert numbers["chosen/n-important-by-estimate"] == "1"
    assert numbers["chosen/lowest-head"] == "L0H1"
    assert numbers["chosen/lowest-estimate"] == r"\ensuremath{0.0099}"
    assert numbers["chosen/lowest-effect"] == r"\ensuremath{0.2000}"


def test_no_important_head_has_no_lowest_estimate():
    table = chosen_heads((0, 0, "random", 0.001))
    numbers = choice_numbers(table, effects(), SETTINGS)
    assert numbers["chosen/important/found"] == "false"
    assert numbers["chosen/lowest-head"] == numbers["chosen/lowest-effect"] == "--"


@pytest.mark.parametrize("n_heads", [4, 5])
def test_all_heads_are_chosen_or_not(n_heads):
    table = chosen_heads(*((0, head, "estimate", 0.0) for head in range(4)))
    numbers = choice_numbers(table, effects(1, n_heads), SETTINGS)
    assert numbers["chosen/all"] == ("true" if n_heads == 4 else "false")


def test_heads_drawn_at_random_bound_the_others():
    """None of six heads reaches the threshold: 1 - 0.025 ** (1 / 6) is 0.459."""
    rows = [(0, head, -0.003, 0.001) for head in range(6)]
    numbers = audit_numbers(audit(*rows, (0, 0, 0.0199, 0.0190)), SETTINGS)
    assert numbers["audit/all-below-threshold"] == "true"
    assert numbers["audit/largest-effect"] == r"\ensuremath{0.0199}"
    assert numbers["audit/largest-error"] == r"\ensuremath{0.0040}"
    assert numbers["audit/most-others"] == "46"


def test_a_random_head_that_matters_is_said():
    numbers = audit_numbers(audit((0, 0, -0.02, 0.0), (0, 1, 0.0, 0.0)), SETTINGS)
    assert numbers["audit/all-below-threshold"] == "false"


def test_where_all_heads_are_chosen_none_is_drawn():
    numbers = audit_numbers(audit(), SETTINGS)
    assert numbers["audit/present"] == "false"
    assert numbers["audit/largest-effect"] == "--"
