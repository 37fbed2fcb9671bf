"""Heads that meet the criteria of a role, before all has been measured."""

import numpy as np
import pytest

from head_patching.patching.effects import Importance
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import Criterion
from head_patching.roles.measured import average, effect
from head_patching.statistics import Statistics

TEMPLATES = [f"t{number}" for number in range(12)]
CRITERIA = [
    Criterion("name mover", "path.logits", "effect >=", 0.02, ""),
    Criterion("name mover", "attention", ">=", 0.2, ""),
    Criterion("S-inhibition", "path.name_mover_queries", "effect >=", 0.02, ""),
    Criterion("S-inhibition", "attention", ">=", 0.2, ""),
]
CLASSIFIER = Classifier(CRITERIA, Importance(0.02, 0.05), Statistics(0, 5000, 0))


def on_heads(values):
    """One value per head, [layer head], on each of twelve pairs."""
    return np.repeat(np.array(values, dtype=float)[..., None], 12, axis=-1)


ATTENTION = average("attention", on_heads([[0.5, 0.1], [0.5, 0.2]]), TEMPLATES)
PATH = effect("path.logits", on_heads([[0.1, 0.1], [0, 0.1]]), np.ones(12), TEMPLATES)


def test_heads_that_meet_all_rows_of_the_role():
    assert CLASSIFIER.heads_with("name mover", [PATH, ATTENTION]) == [(0, 0), (1, 1)]


def test_other_roles_may_require_what_is_measured_later():
    later = effect(
        "path.name_mover_queries", on_heads([[0, 0], [1, 0]]), np.ones(12), TEMPLATES
    )
    measured = [ATTENTION, PATH, later]
    assert CLASSIFIER.heads_with("S-inhibition", measured) == [(1, 0)]


def test_effects_must_be_significantly_different_from_zero():
    # Half of the templates say the opposite: the mean is 0.1, p is far from small.
    sign = np.resize([1, -1], 12)
    values = 0.1 + sign * on_heads([[2.0, 0], [0, 0]])
    doubtful = effect("path.logits", values, np.ones(12), TEMPLATES)
    assert doubtful.values.mean(axis=-1)[0, 0] == pytest.approx(0.1)
    assert CLASSIFIER.heads_with("name mover", [doubtful, ATTENTION]) == [
        (1, 0),
        (1, 1),
    ]


def test_nobody_has_what_was_measured_on_nobody_or_a_role_without_rows():
    nothing = effect(
        "path.logits", on_heads(np.full((2, 2), np.nan)), np.ones(12), TEMPLATES
    )
    assert CLASSIFIER.heads_with("name mover", [nothing, ATTENTION]) == []
    assert CLASSIFIER.heads_with("induction", [PATH, ATTENTION]) == []


def test_a_criterion_that_is_not_measured_yet_is_named():
    with pytest.raises(
        ValueError, match=r"requires 'path\.name_mover_queries'"
    ) as error:
        CLASSIFIER.heads_with("S-inhibition", [PATH, ATTENTION])
    assert "\n" not in str(error.value)


def test_candidates_of_other_measurements_are_found_anew():
    """The last ones are kept, and given again for the same measurements alone."""
    first = CLASSIFIER.candidates("name mover", [ATTENTION, PATH])
    assert first == [(0, 0), (1, 0), (1, 1)]
    first.clear()
    assert CLASSIFIER.candidates("name mover", [ATTENTION]) == [(0, 0), (1, 0), (1, 1)]
    other = average("attention", on_heads([[0.1, 0.5], [0.1, 0.1]]), TEMPLATES)
    assert CLASSIFIER.candidates("name mover", [other, PATH]) == [(0, 1)]
    with pytest.raises(ValueError, match="requires 'attention', which was not measu"):
        CLASSIFIER.candidates("name mover", [PATH])
