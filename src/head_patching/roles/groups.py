"""Groups: the heads that may do the job of one stage, patched together along its path.

A stage is one step of the trace: the path into some inputs of the heads found before.
Its candidates are the heads that show everything a role of that stage requires, but
effects along paths: attention, copying, scores on random tokens. They form one group,
whatever their role, since heads of several roles can do one job (duplicate token heads
and induction heads both tell S-inhibition heads that a name was repeated). The group is
asked several questions (`roles.questions`); in each, a member has

- its effect alone: what is lost, or restored, when it alone is patched;
- what is given back: the joint effect less the effect of all the others, that is what
  the head does when no other member is there to do it;
- if some member is not shown by these, as where two of three heads decide, its share of
  the group: its Shapley value (`roles.shapley`).

What is given back, and shares, are asked for only where the group matters: its joint
effect reaches the threshold of importance, is significantly different from zero, and is
larger than that of each random group of as many heads of the same layers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from head_patching.patching.effects import Importance
from head_patching.roles.questions import ALONE, GIVEN_BACK, SHARE, Question
from head_patching.roles.random_groups import is_larger, random_groups, reaches
from head_patching.roles.shapley import EXACT, Subset, in_group, shapley_values, subsets
from head_patching.significance import sign_flip_p
from head_patching.statistics import Statistics
from head_patching.terms import Head

# The part of a joint effect that single heads have to account for in one way or other.
ACCOUNTED = 0.5

# Patches sets of heads along a path; gives their contributions per pair.
Patch = Callable[[Sequence[Sequence[Head]]], Float[np.ndarray, "set pair"]]


@dataclass(frozen=True)
class TraceRules:
    """How groups are measured, and how often paths are traced again.

    Parameters
    ----------
    random_groups
        Random groups of the same size and layers, that a group has to exceed.
    random_orders
        Random orders for Shapley values of large groups (`roles.shapley`).
    receiver_sets
        Sets of receivers of each step, besides those found, that are measured for the
        resamples that find them (`roles.retrace`).
    seed
        Of random groups and orders.
    """

    random_groups: int
    random_orders: int
    receiver_sets: int
    seed: int


@dataclass(frozen=True)
class GroupAnswer:
    """What one question found of one group; contributions per pair, in logits.

    Parameters
    ----------
    question
        As asked of single heads.
    heads
        The members, in order.
    joint
        Effect of all members patched together.
    alone
        Effect of each member patched alone.
    given_back
        Joint effect less the effect of all other members; None where the group does not
        matter.
    shares
        Shapley values; None where they were not needed.
    random
        Joint effects of the random groups; empty where none was needed.
    scale
        Clean less corrupt logit_diff.
    """

    question: Question
    heads: Sequence[Head]
    joint: Float[np.ndarray, " pair"]
    alone: Float[np.ndarray, "head pair"]
    given_back: Float[np.ndarray, "head pair"] | None
    shares: Float[np.ndarray, "head pair"] | None
    random: Float[np.ndarray, "group pair"]
    scale: Float[np.ndarray, " pair"]

    @property
    def matters(self) -> bool:
        """Whether the group's joint effect counts."""
        return self.given_back is not None

    def by_way(self) -> dict[str, Float[np.ndarray, "head pair"]]:
        """What each member does, by the way of asking, where it was asked."""
        ways = {ALONE: self.alone, GIVEN_BACK: self.given_back, SHARE: self.shares}
        return {way: values for way, values in ways.items() if values is not None}


def ask_group(
    heads: Sequence[Head],
    question: Question,
    patch: Patch,
    scale: Float[np.ndarray, " pair"],
    templates: Sequence[str],
    others: Sequence[Head],
    importance: Importance,
    statistics: Statistics,
    rules: TraceRules,
) -> GroupAnswer:
    """The answer of one question about a group.

    Parameters
    ----------
    heads
        The members.
    question
        Named in the answer.
    patch
        Gives the contribution of sets of heads, in the unit of `scale`.
    scale
        Clean less corrupt logit_diff of each pair.
    templates
        Of each pair: its groups in tests.
    others
        Heads that random groups are drawn from.
    importance, statistics
        From where on the joint effect counts, and how it is tested.
    rules
        How many random groups and orders.
    """
    members = range(len(heads))
    whole = frozenset(members)
    single = [frozenset([index]) for index in members]
    found = patched_subsets(heads, list(dict.fromkeys([*single, whole])), patch)
    joint, alone = found[whole], np.stack([found[subset] for subset in single])
    random, given_back = np.empty((0, len(scale))), None
    matters = False
    if reaches(joint, scale, templates, importance, statistics):
        drawn = random_groups(heads, others, rules.random_groups, rules.seed)
        random = patch(drawn) if drawn else random
        matters = is_larger(joint, random)
    if matters:
        without = [whole - {index} for index in members]
        found |= patched_subsets(heads, [s for s in without if s not in found], patch)
        nothing = np.zeros_like(joint)
        given_back = np.stack([joint - found.get(s, nothing) for s in without])
    return GroupAnswer(
        question, list(heads), joint, alone, given_back, None, random, scale
    )


def with_shares(answer: GroupAnswer, patch: Patch, rules: TraceRules) -> GroupAnswer:
    """The answer with the members' shares, where the group matters.

    Shares of large groups take many patches: they are computed only where neither
    taking heads out nor giving them back says who does the job.

    Parameters
    ----------
    patch
        The same as in `ask_group`.
    """
    few = len(answer.heads) <= EXACT
    if answer.given_back is None or not (few or is_degenerate(answer)):
        return answer
    heads, sampling = answer.heads, (rules.random_orders, rules.seed)
    whole = frozenset(range(len(heads)))
    found = {whole: answer.joint}
    for index, alone in enumerate(answer.alone):
        found[frozenset([index])] = alone
        found[whole - {index}] = answer.joint - answer.given_back[index]
    missing = [each for each in subsets(len(heads), *sampling) if each not in found]
    found |= patched_subsets(heads, missing, patch)
    return replace(answer, shares=shapley_values(found, len(heads), *sampling))


def all_shown(
    answers: Sequence[GroupAnswer],
    templates: Sequence[str],
    importance: Importance,
    statistics: Statistics,
    n_asked: int,
) -> bool:
    """Whether some question shows each member, alone or given back.

    Parameters
    ----------
    answers
        Of all questions about one group.
    n_asked
        Number of tests of each member, for which each is corrected.
    """
    shown = np.zeros(len(answers[0].heads), dtype=bool)
    for answer in answers:
        for values in answer.by_way().values():
            p = sign_flip_p(values, templates, statistics.n_sign_flips, statistics.seed)
            large = values.mean(axis=1) / answer.scale.mean() >= importance.threshold
            shown |= large & (p * n_asked <= importance.rate)
    return bool(shown.all())


def is_degenerate(answer: GroupAnswer) -> bool:
    """Whether neither taking one out nor giving one back accounts for half the effect.

    So it is when two of three heads have to fail, or to work: no one of them matters.
    """
    accounted = [
        values.mean(axis=1).sum() / answer.joint.mean()
        for values in answer.by_way().values()
    ]
    return bool(max(accounted) < ACCOUNTED)


def patched_subsets(
    heads: Sequence[Head], wanted: Sequence[Subset], patch: Patch
) -> dict[Subset, Float[np.ndarray, " pair"]]:
    """The contribution of each subset."""
    filled = [subset for subset in wanted if subset]
    if not filled:
        return {}
    found = patch([in_group(heads, subset) for subset in filled])
    return dict(zip(filled, found, strict=True))
