"""Draws: the criteria of all roles, judged again in every resample.

Templates, and random sequences, are drawn with replacement; means, effects and their
tests (in their normal approximation) are computed again. Criteria may be judged one
after the other, each in some of the draws: what has not been judged is not met.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from head_patching.patching.effects import Importance
from head_patching.roles.classify import rows_of_roles
from head_patching.roles.criteria import Criterion, verdicts
from head_patching.roles.measured import KINDS, Measured, by_criterion
from head_patching.roles.questions import best_answer, joined_p
from head_patching.significance import benjamini_hochberg, sign_flip_p_normal
from head_patching.statistics import group_sums, resampled_group_counts
from head_patching.terms import Head

# How sure each answer of a criterion with several questions is, as in `measured`.
LEVEL = 0.95


@dataclass(frozen=True)
class Draws:
    """Which heads meet which rows of the table in every draw.

    Parameters
    ----------
    criteria
        Rows of the criteria table.
    importance
        Its false-discovery rate is that of criteria on effects.
    counts
        By kind of sample: how often each group of samples is drawn [draw group].
    met
        The verdicts so far.
    """

    criteria: Sequence[Criterion]
    importance: Importance
    counts: dict[str, Float[np.ndarray, "draw group"]]
    met: Bool[np.ndarray, "draw row layer head"]

    @classmethod
    def of(
        cls,
        measured: Sequence[Measured],
        criteria: Sequence[Criterion],
        importance: Importance,
        n_draws: int,
        seed: int,
    ) -> "Draws":
        """Draws in which these measurements are judged already.

        Parameters
        ----------
        measured
            Evidence of every kind of sample that is judged at any time.
        n_draws, seed
            Of the bootstrap over templates and sequences.
        """
        counts = {
            kind: counts_of(measured, kind, n_draws, seed + number)
            for number, kind in enumerate(KINDS)
        }
        shape = (n_draws, len(criteria), *measured[0].values.shape[:2])
        draws = cls(criteria, importance, counts, np.zeros(shape, dtype=bool))
        draws.judge(measured, range(n_draws))
        return draws

    def __len__(self) -> int:
        return len(self.met)

    def judge(self, measured: Sequence[Measured], draws: Sequence[int]) -> None:
        """Judge the rows that name these measurements, in some of the draws."""
        named = {row.criterion for row in self.criteria}
        for criterion, answers in by_criterion(measured).items():
            if criterion not in named:
                continue
            rows = [n for n, r in enumerate(self.criteria) if r.criterion == criterion]
            is_effect = any(
                self.criteria[row].comparison.startswith("effect") for row in rows
            )
            sums = [sums_of_groups(each) for each in answers]
            for draw in draws:
                drawn = self.counts[answers[0].kind][draw]
                value, q_value = resampled_answer(answers, sums, drawn, is_effect)
                for row in rows:
                    of = self.criteria[row]
                    found, _ = verdicts(
                        value.ravel(), q_value.ravel(), of.comparison, of.threshold,
                        self.importance.rate,
                    )  # fmt: skip
                    self.met[draw, row] = found.reshape(value.shape)

    def roles(self) -> Bool[np.ndarray, "draw layer head role"]:
        """Which heads have which role, roles in the order of the table."""
        of_roles = [
            self.met[:, rows].all(axis=1)
            for rows in rows_of_roles(self.criteria).values()
        ]
        if not of_roles:
            return np.zeros((len(self), *self.met.shape[2:], 0), dtype=bool)
        return np.stack(of_roles, axis=-1)


@dataclass(frozen=True)
class Draw:
    """One of the draws, as `Classifier` finds heads in the evidence itself."""

    draws: Draws
    number: int

    @property
    def criteria(self) -> Sequence[Criterion]:
        """The rows of the table."""
        return self.draws.criteria

    def heads_with(self, role: str, measured: Sequence[Measured] = ()) -> list[Head]:
        """The heads that meet all rows of a role in this draw."""
        return self._heads([n for n, r in enumerate(self.criteria) if r.role == role])

    def candidates(self, role: str, measured: Sequence[Measured] = ()) -> list[Head]:
        """The heads that meet all rows of a role but effects in this draw."""
        return self._heads(
            [
                number
                for number, row in enumerate(self.criteria)
                if row.role == role and not row.comparison.startswith("effect")
            ]
        )

    def _heads(self, rows: Sequence[int]) -> list[Head]:
        """The heads that meet all of some rows; none without rows."""
        if not rows:
            return []
        has = self.draws.met[self.number, rows].all(axis=0)
        return [(int(layer), int(head)) for layer, head in np.argwhere(has)]


def resampled_answer(
    answers: Sequence[Measured],
    sums: Sequence[tuple[np.ndarray, np.ndarray]],
    drawn: Float[np.ndarray, " group"],
    is_effect: bool,
) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
    """A criterion's values and q-values (1 where untested) in one draw.

    Parameters
    ----------
    answers
        Its measurements, one for each question.
    sums
        `sums_of_groups` of each.
    drawn
        How often each group is drawn.
    is_effect
        Whether any row tests it.
    """
    if len(answers) == 1:
        return resampled_values(sums[0], drawn, answers[0].tested & is_effect)
    found = [
        resampled_p(of_answer, drawn, each.tested)
        for of_answer, each in zip(sums, answers, strict=True)
    ]
    values, p_values = (np.stack(part) for part in zip(*found, strict=True))
    n_asked = answers[0].n_asked
    best = best_answer(values, p_values, n_asked, 1 - LEVEL)
    tested = np.any([each.tested for each in answers], axis=0)
    q_values = np.ones(tested.shape)
    if tested.any():
        joined = joined_p(p_values[:, tested], n_asked)
        q_values[tested] = benjamini_hochberg(joined)
    return np.take_along_axis(values, best[None], axis=0)[0], q_values


def resampled_p(
    sums_of_groups: tuple[np.ndarray, np.ndarray],
    drawn: Float[np.ndarray, " group"],
    tested: Bool[np.ndarray, "layer head"],
) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
    """A measurement's values and p-values (1 where untested) in one draw."""
    sums, scales = sums_of_groups
    p_values = np.ones(tested.shape)
    if tested.any():
        groups = np.arange(len(drawn))
        p_values[tested] = sign_flip_p_normal(sums[tested], groups, drawn)
    return sums @ drawn / (scales @ drawn), p_values


def resampled_values(
    sums_of_groups: tuple[np.ndarray, np.ndarray],
    drawn: Float[np.ndarray, " group"],
    tested: Bool[np.ndarray, "layer head"],
) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
    """A measurement's values and q-values (1 where untested) in one draw."""
    values, p_values = resampled_p(sums_of_groups, drawn, tested)
    q_values = np.ones(tested.shape)
    if tested.any():
        q_values[tested] = benjamini_hochberg(p_values[tested])
    return values, q_values


def counts_of(
    measured: Sequence[Measured], kind: str, n_draws: int, seed: int
) -> Float[np.ndarray, "draw group"]:
    """How often each group of samples of a kind is drawn."""
    groups = next((each.groups for each in measured if each.kind == kind), [0])
    return resampled_group_counts(len(np.unique(groups)), n_draws, seed)


def sums_of_groups(
    measured: Measured,
) -> tuple[Float[np.ndarray, "layer head group"], Float[np.ndarray, " group"]]:
    """Sums of values and scales over the samples of each group."""
    labels = np.unique(measured.groups, return_inverse=True)[1]
    return group_sums(measured.values, labels), group_sums(measured.scale, labels)
