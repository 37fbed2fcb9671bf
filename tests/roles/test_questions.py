"""Several questions about one criterion: one test, and the answer that is shown."""

import numpy as np
import pytest
import scipy

from head_patching.patching.effects import Importance
from head_patching.roles.criteria import Criterion
from head_patching.roles.draws import Draws
from head_patching.roles.measured import (
    Measured,
    effect,
    from_dataset,
    table_of,
    to_dataset,
)
from head_patching.roles.questions import Question, best_answer, joined_p
from head_patching.statistics import Statistics

STATISTICS = Statistics(200, 10000, 0)
TEMPLATES = np.array([f"t{number:02d}" for number in range(14)])


def test_the_joined_p_value_is_that_of_simes():
    p = np.array([[0.01, 0.2, 0.03], [0.02, 0.5, 0.03], [0.9, 0.6, 0.03]])
    # 3 x .01 / 1, 3 x .02 / 2; of equal ones each is itself.
    assert joined_p(p, 3).tolist() == pytest.approx([0.03, 0.6, 0.03])
    # A question without an answer counts.
    assert joined_p(p, 6).tolist() == pytest.approx([0.06, 1.0, 0.06])
    assert joined_p(np.array([0.2, 0.9])[:, None], 1).tolist() == [0.2]


def test_questions_without_any_effect_pass_no_more_often_than_the_rate():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 20000)) + rng.normal(size=20000)  # alike, as in one head
    p = 2 * scipy.special.ndtr(-np.abs(z) / 2**0.5)
    assert (joined_p(p, 5) <= 0.05).mean() < 0.05


def test_the_largest_of_the_significant_answers_is_shown():
    values = np.array([[0.5, -0.9, np.nan], [0.1, 0.3, 0.2], [0.4, 0.2, np.nan]])
    p = np.array([[0.2, 0.001, 1.0], [0.001, 0.001, 0.9], [0.01, 0.001, 1.0]])
    assert best_answer(values, p, 3, rate=0.05).tolist() == [2, 1, 1]


def answer(values, question, n_asked=2, scale=1.0):
    per_pair = np.array(values)[None, :, None] * np.linspace(0.9, 1.1, 14)
    measured = effect("stage.x", per_pair, np.full(14, scale), TEMPLATES)
    return Measured(
        **{**vars(measured), "question": question, "n_asked": n_asked, "given": "L5H1"}
    )


ANSWERS = [
    answer([0.0, 0.3, np.nan, 0.02], Question("abc", "noising", "", "alone")),
    answer([0.8, 0.1, np.nan, 0.0], Question("flip", "denoising", "L1H1", "x"), 2, 2.0),
]


def test_the_table_has_each_heads_best_answer_and_says_which():
    table = table_of(ANSWERS, STATISTICS)
    assert table["value"].tolist() == pytest.approx(
        [0.4, 0.3, np.nan, 0.02], nan_ok=True
    )
    said = table[list(Question._fields)].to_numpy().tolist()
    assert said[0] == ["flip", "denoising", "L1H1", "x"]
    assert said[1] == said[3] == ["abc", "noising", "", "alone"]
    # All 2^13 patterns, of which one is as large: p is 2^-13 for each answer. Joined it
    # is twice that for heads with one of two answers, and 2^-13 for the second head. As
    # three tests the largest, 2 x 2^-13, is every head's q.
    assert table["q_value"][[0, 1, 3]].tolist() == pytest.approx([2 / 2**13] * 3)
    assert table["q_value"][2] == 1
    low, high = table["ci_low"][0], table["ci_high"][0]
    assert 0.38 < low < 0.4 < high < 0.42


def test_questions_survive_the_file():
    again = from_dataset(to_dataset(ANSWERS))
    for one, other in zip(ANSWERS, again, strict=True):
        assert (other.question, other.n_asked, other.given, other.retraced) == (
            *(one.question, 2, "L5H1", False),
        )


def test_draws_join_answers_as_the_table_does():
    criteria = [Criterion("r", "stage.x", "effect >=", 0.35, "")]
    draws = Draws.of(ANSWERS, criteria, Importance(0.02, 0.05), 50, seed=0)
    # The first by the second question, the second by neither: 0.3 at most.
    assert draws.roles().mean(axis=0)[0, :, 0].tolist() == [1, 0, 0, 0]
    one = Draws.of(ANSWERS[:1], criteria, Importance(0.02, 0.05), 50, seed=0)
    assert not one.roles().any()
