"""Probabilities of roles: how often other templates would have said the same."""

import numpy as np
import pytest

from head_patching.patching.effects import Importance
from head_patching.roles.criteria import Criterion
from head_patching.roles.draws import Draws
from head_patching.roles.measured import average, effect
from head_patching.roles.stability import (
    mean_jaccard,
    probabilities,
    stability,
)

IMPORTANCE = Importance(0.02, 0.05)
N_TEMPLATES = 30
TEMPLATES = np.repeat([f"t{number}" for number in range(N_TEMPLATES)], 2)

FOUR_SIGMA = 4 * 0.5 / 1000**0.5  # of a share of 1000 resamples


def values_of(*heads):
    """One layer of heads, each with one value per template on both of its pairs."""
    return np.repeat(np.array(heads, dtype=float), 2, axis=1)[None]


def flat(value):
    return [value] * N_TEMPLATES


def single(value):
    return [value] + [0.0] * (N_TEMPLATES - 1)


def shares(measured, criteria, n_resamples=400, seed=0):
    """Probabilities [head role]."""
    has = Draws.of(measured, criteria, IMPORTANCE, n_resamples, seed).roles()
    return has.mean(axis=0)[0]


def test_jaccard_by_hand():
    # {0, 1} and {1}: 1/2; both with the empty set: 0.
    sets = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
    assert mean_jaccard(sets) == pytest.approx((1 / 2 + 0 + 0) / 3)
    # Two empty sets are equal.
    assert mean_jaccard(np.array([[0, 0], [0, 0], [1, 0]], bool)) == pytest.approx(
        1 / 3
    )
    # Nothing was found that could be stable.
    assert np.isnan(mean_jaccard(np.zeros((4, 2), dtype=bool)))
    assert mean_jaccard(np.array([[1, 0], [0, 1]], bool)) == 0
    assert mean_jaccard(np.array([[1, 0]], bool)) == 1


def test_a_value_of_every_template_is_sure_and_of_a_single_one_is_not():
    # The second head's mean is 0.2 as long as its one template is drawn at all, which
    # happens in 1 - (29 / 30)^30 = 63.8 % of resamples; the third needs it twice:
    # 1 - (29 / 30)^30 - (29 / 30)^29 = 26.4 %.
    values = values_of(flat(0.2), single(0.2 * 30), single(0.11 * 30), flat(0.19))
    criteria = [Criterion("r", "x", ">=", 0.2 - 1e-9, "")]
    found = shares([average("x", values, TEMPLATES)], criteria, n_resamples=1000)
    once, never = 1 - (29 / 30) ** 30, 0
    twice = once - (29 / 30) ** 29
    assert found[[0, 3], 0].tolist() == [1, never]
    assert found[1, 0] == pytest.approx(once, abs=FOUR_SIGMA)
    assert found[2, 0] == pytest.approx(twice, abs=FOUR_SIGMA)


def test_an_effect_of_a_single_template_is_hardly_ever_told_from_zero():
    values = values_of(flat(0.1), single(0.1 * 30), flat(0.0), flat(-0.1))
    measured = [effect("x", values, np.ones(60), TEMPLATES)]
    for_effect = [
        Criterion("helps", "x", "effect >=", 0.02, ""),
        Criterion("hurts", "x", "effect <=", -0.02, ""),
    ]
    found = shares(measured, for_effect)
    assert found[[0, 2, 3]].tolist() == [[1, 0], [0, 0], [0, 1]]
    # Drawn k times its z is sqrt(k): at least 5 would be needed, a chance of 0.3 %.
    assert found[1, 0] < 0.02
    assert found[1, 1] == 0
    by_value = [Criterion("helps", "x", ">=", 0.02, "")]
    assert 0.5 < shares(measured, by_value)[1, 0] < 0.8


def test_a_criterion_of_negative_effects_alone_is_tested_too():
    # As above, where no other role asks for a positive effect.
    values = values_of(flat(0.1), single(-0.1 * 30), flat(-0.1))
    measured = [effect("x", values, np.ones(60), TEMPLATES)]
    found = shares(measured, [Criterion("hurts", "x", "effect <=", -0.02, "")])
    assert found[[0, 2]].tolist() == [[0], [1]]
    assert found[1, 0] < 0.02


def test_a_role_needs_all_of_its_rows_in_the_same_resample():
    # Two values carried by two templates: both are drawn in
    # 1 - 2 (29/30)^30 + (28/30)^30 = 40.3 % of resamples.
    first, second = single(30.0), single(30.0)[::-1]
    measured = [
        average("x", values_of(first), TEMPLATES),
        average("y", values_of(second), TEMPLATES),
    ]
    rows = [Criterion("both", name, ">=", 0.5, "") for name in "xy"]
    found = shares(measured, rows, n_resamples=1000)
    expected = 1 - 2 * (29 / 30) ** 30 + (28 / 30) ** 30
    assert found[0, 0] == pytest.approx(expected, abs=FOUR_SIGMA)


def test_denominators_are_drawn_with_numerators():
    # Value and scale differ from template to template, their ratio does not.
    size = np.linspace(1, 9, N_TEMPLATES)
    values = values_of(0.5 * size)
    measured = effect("x", values, np.repeat(size, 2), TEMPLATES)
    criteria = [
        Criterion("low", "x", ">=", 0.5 - 1e-9, ""),
        Criterion("high", "x", "<=", 0.5 + 1e-9, ""),
    ]
    assert shares([measured], criteria).tolist() == [[1, 1]]


def test_sequences_are_drawn_apart_from_pairs():
    on_pairs = average("x", values_of(single(30.0)), TEMPLATES)
    on_sequences = average(
        "y", values_of(single(30.0))[..., ::2], np.arange(30), "sequence"
    )
    rows = [Criterion("both", name, ">=", 0.5, "") for name in "xy"]
    found = shares([on_pairs, on_sequences], rows, n_resamples=1000)
    once = 1 - (29 / 30) ** 30
    assert found[0, 0] == pytest.approx(once**2, abs=FOUR_SIGMA)


def test_what_was_not_measured_is_never_found():
    values = values_of(flat(1.0), flat(np.nan))
    measured = effect("x", values, np.ones(60), TEMPLATES)
    for comparison in (">=", "|x| >=", "effect >="):
        criteria = [Criterion("r", "x", comparison, 0.02, "")]
        assert shares([measured], criteria).tolist() == [[1], [0]]


def test_the_seed_decides():
    generator = np.random.default_rng(0)
    values = generator.normal(0.1, 1, size=(2, 3, 60))
    measured = [average("x", values, TEMPLATES)]
    criteria = [Criterion("r", "x", ">=", 0.1, "")]
    first, again, other = (
        Draws.of(measured, criteria, IMPORTANCE, 50, seed).roles() for seed in (1, 1, 2)
    )
    assert first.shape == (50, 2, 3, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_tables_by_hand():
    has = np.zeros((4, 1, 2, 2), dtype=bool)
    has[:, 0, 0, 0] = True  # head 0 has the first role always,
    has[:2, 0, 1, 1] = True  # head 1 the second in half of the resamples
    table = probabilities(has, ["a", "b"])
    assert table.to_dict("list") == {
        "layer": [0, 0, 0, 0],
        "head": [0, 0, 1, 1],
        "role": ["a", "b", "a", "b"],
        "probability": [1, 0, 0, 0.5],
    }
    table = stability(has, ["a", "b"], {"b": 0.25})
    assert table["role"].tolist() == ["a", "b", "all roles"]
    # Of six pairs of resamples two agree; the others share head 0's role alone.
    assert table["jaccard"].tolist() == pytest.approx([1, 2 / 6, (2 + 4 / 2) / 6])
    assert table["n_resamples"].tolist() == [4, 4, 4]
    assert table["left_over"].tolist() == [0, 0.25, 0.25]


def test_without_criteria_no_head_has_a_role_in_any_resample():
    measured = average("attention", np.ones((2, 3, 4)), list("abcd"))
    has = Draws.of([measured], [], Importance(0.02, 0.05), 5, seed=0).roles()
    assert has.shape == (5, 2, 3, 0)
    assert len(probabilities(has, [])) == 0
    assert stability(has, [], {})["jaccard"].isna().all()
