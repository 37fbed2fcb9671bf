"""Groups asked with effects that are known: what is alone, given back, and shared."""

import numpy as np
import pytest

from head_patching.patching.effects import Importance
from head_patching.roles.groups import (
    TraceRules,
    all_shown,
    ask_group,
    with_shares,
)
from head_patching.roles.questions import Question
from head_patching.roles.random_groups import random_groups
from head_patching.statistics import Statistics

RULES = TraceRules(random_groups=6, random_orders=2, receiver_sets=0, seed=2)
TEMPLATES = [f"t{number:02d}" for number in range(16)]
SCALE = np.full(16, 2.0)
SIZE = np.linspace(0.8, 1.2, 16)  # of each pair's effects; 1 on average
OTHERS = [(layer, head) for layer in range(4) for head in range(8, 16)]
QUESTION = Question("abc", "noising")


def ask(heads, value, of_others=0.0):
    """The answer where a set of heads has the effect `value(set)`, as a share."""
    patched = []

    def patch(sets):
        patched.extend(map(tuple, sets))
        values = [
            of_others if set(each) & {*OTHERS} else value({*each}) for each in sets
        ]
        return np.array(values)[:, None] * SIZE * SCALE

    answer = ask_group(
        heads, QUESTION, patch, SCALE, TEMPLATES, OTHERS,
        Importance(0.02, 0.05), Statistics(0, 5000, 0), RULES,
    )  # fmt: skip
    return with_shares(answer, patch, RULES), patched


def share(values):
    return (values.mean(axis=-1) / SCALE.mean()).round(6).tolist()


HEADS = [(0, 1), (1, 2), (1, 3), (2, 0)]


def test_heads_of_which_one_is_enough():
    """The last is a decoy: losing all others changes the answer, whatever it does."""
    answer, patched = ask(HEADS, lambda lost: 0.9 * ({*HEADS[:3]} <= lost))
    assert share(answer.joint) == 0.9
    assert share(answer.alone) == [0, 0, 0, 0]
    assert share(answer.given_back) == [0.9, 0.9, 0.9, 0]
    assert share(answer.shares) == [0.3, 0.3, 0.3, 0]
    assert len(patched) == len(set(patched)) == 2**4 - 1 + 6


def test_heads_that_are_all_needed():
    answer, _ = ask(HEADS[:2], lambda lost: 0.4 * bool(lost))
    assert share(answer.alone) == [0.4, 0.4]
    assert share(answer.given_back) == [0, 0]
    assert share(answer.shares) == [0.2, 0.2]


def test_heads_of_which_two_of_three_decide():
    """Neither losing one nor giving one back changes anything."""
    answer, patched = ask(HEADS, lambda lost: 0.9 * (len(lost & {*HEADS[:3]}) > 1))
    assert share(answer.alone) == share(answer.given_back) == [0, 0, 0, 0]
    assert share(answer.shares) == [0.3, 0.3, 0.3, 0]
    assert len(patched) == len(set(patched)) == 2**4 - 1 + 6


def test_members_are_shown_by_any_question_that_shows_them():
    of = Importance(0.02, 0.05), Statistics(0, 5000, 0)
    first, _ = ask(HEADS[:2], lambda lost: 0.3 * (HEADS[0] in lost))
    second, _ = ask(HEADS[:2], lambda lost: 0.3 * (HEADS[1] in lost))
    # 16 templates: p is 1 / 5001 of each test.
    assert all_shown([first, second], TEMPLATES, *of, n_asked=12)
    assert not all_shown([first, first], TEMPLATES, *of, n_asked=12)
    assert not all_shown([first, second], TEMPLATES, *of, n_asked=300)
    small, _ = ask(HEADS[:2], lambda lost: 0.019 * len(lost))
    assert not all_shown([small], TEMPLATES, *of, n_asked=1)


def test_a_group_without_effect_has_no_shares_and_costs_no_subsets():
    answer, patched = ask(HEADS, lambda lost: 0.01 * len(lost) / 4)
    assert not answer.matters
    assert answer.given_back is None
    assert answer.shares is None
    assert len(answer.random) == 0
    assert len(patched) == 4 + 1  # each alone, all


def test_a_group_that_is_no_better_than_random_ones_has_no_shares():
    answer, _ = ask(HEADS, lambda lost: 0.1 * len(lost) / 4, of_others=-0.1)
    assert answer.given_back is None
    assert share(answer.random) == [-0.1] * 6
    better, _ = ask(HEADS, lambda lost: 0.1 * len(lost) / 4, of_others=0.09)
    assert better.matters


def test_an_effect_on_one_template_does_not_count():
    one = np.zeros(16)
    one[3] = 16.0

    def patch(sets):
        return np.tile(one, (len(sets), 1))

    answer = ask_group(
        HEADS, QUESTION, patch, SCALE, TEMPLATES, OTHERS,
        Importance(0.02, 0.05), Statistics(0, 5000, 0), RULES,
    )  # fmt: skip
    assert share(answer.joint) == 0.5
    assert not answer.matters


def test_a_group_of_one():
    answer, patched = ask([(1, 2)], lambda lost: 0.3)
    assert share(answer.alone) == share(answer.given_back) == [0.3]
    assert share(answer.joint) == 0.3
    assert patched[0] == ((1, 2),)


def test_random_groups_have_as_many_heads_in_each_layer():
    drawn = random_groups([(0, 1), (2, 0), (2, 1)], OTHERS, 6, 2)
    assert len(drawn) == 6
    for group in drawn:
        assert [layer for layer, _ in group] == [0, 2, 2]
        assert len({*group}) == 3
        assert {*group} <= {*OTHERS}
    assert drawn == random_groups([(0, 1), (2, 0), (2, 1)], OTHERS, 6, 2)
    assert random_groups([(7, 0)], OTHERS, 6, 2) == []


@pytest.mark.parametrize("n_heads", [8, 9])
def test_large_groups_are_sampled(n_heads):
    heads = [(index % 2, index // 2) for index in range(n_heads)]
    answer, patched = ask(heads, lambda lost: 0.9 * (len(lost & {*heads[:3]}) > 1))
    assert len(set(patched)) < 2**n_heads / 2
    found = share(answer.shares)
    assert found[3:] == [0] * (n_heads - 3)
    assert min(found[:3]) > 0.1
    assert sum(found) == pytest.approx(0.9)
    # Unless what is given back says who does it.
    answer, patched = ask(heads, lambda lost: 0.9 * ({*heads[:3]} <= lost))
    assert share(answer.given_back)[:4] == [0.9, 0.9, 0.9, 0]
    assert answer.shares is None
    assert len(patched) == n_heads + 1 + n_heads + 6
