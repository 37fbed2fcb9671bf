"""Measurements on every head, kept per sample until they are summarised.

A criterion is a ratio of means over samples: of prompt pairs, or of random sequences.
Samples are kept, because a role's probability comes from resampling them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from head_patching.patching.effects import (
    RatiosOfMeans,
    effect_contributions,
    is_patched,
    ratio_of_means,
)
from head_patching.roles.questions import NO_QUESTION, Question, best_answer, joined_p
from head_patching.significance import benjamini_hochberg
from head_patching.statistics import Statistics

KINDS = ("pair", "sequence")
ESTIMATE = ("value", "ci_low", "ci_high")


@dataclass(frozen=True)
class Measured:
    """One criterion of every head; its value is mean(values) / mean(scale).

    Heads that were not measured are NaN. Only effects are `tested` against zero:
    attention and copying are never negative, so no test of signs applies. A criterion
    may be measured by several questions; then `n_asked` is their number, those without
    an answer included, and the best answer of each head counts (`roles.questions`).
    What depends on heads found before is `given` them; it is `retraced` if a resample
    found them and the evidence itself did not (`roles.retrace`).
    """

    criterion: str
    values: Float[np.ndarray, "layer head sample"]
    scale: Float[np.ndarray, " sample"]
    groups: Sequence[str] | np.ndarray  # each pair's template, each sequence's number
    tested: Bool[np.ndarray, "layer head"]
    kind: str = "pair"
    question: Question = NO_QUESTION
    n_asked: int = 1
    given: str = ""
    retraced: bool = False

    @property
    def known(self) -> Bool[np.ndarray, "layer head"]:
        """Which heads were measured."""
        return np.isfinite(self.values).all(axis=-1)


def average(
    criterion: str,
    values: Float[np.ndarray, "layer head sample"],
    groups: Sequence[str] | np.ndarray,
    kind: str = "pair",
) -> Measured:
    """A criterion that is a plain mean, not tested against zero."""
    untested = np.zeros(values.shape[:2], dtype=bool)
    return Measured(
        criterion, values, np.ones(values.shape[-1]), groups, untested, kind
    )


def effect(
    criterion: str,
    contribution: Float[np.ndarray, "layer head pair"],
    scale: Float[np.ndarray, " pair"],
    groups: Sequence[str] | np.ndarray,
) -> Measured:
    """A share of the difference in logit_diff, tested against zero.

    Not tested: what cannot change anything, and heads that were not measured.
    """
    known = np.isfinite(contribution).all(axis=-1)
    tested = known & (contribution != 0).any(axis=-1)
    return Measured(criterion, contribution, scale, groups, tested)


def patching_effect(patched: xr.Dataset) -> Measured:
    """The effects of one patch type in one direction, as `HeadPatcher.run` gave them.

    Estimates of heads that screening did not confirm are not tested.
    """
    numerator, scale = effect_contributions(patched)
    measured = effect(
        f"effect.{patched.attrs['direction']}.{patched.attrs['patch_type']}",
        numerator.transpose("layer", "head", "pair").to_numpy(),
        scale.to_numpy(),
        patched["template"].to_numpy(),
    )
    measured.tested[~is_patched(patched)] = False
    return measured


def table_of(measured: Iterable[Measured], statistics: Statistics) -> pd.DataFrame:
    """One row per head and criterion, sorted; empty where it was not measured.

    Columns: layer, head, criterion, value, ci_low, ci_high, q_value, n, and of the
    question that shows the effect best corruption, direction, silenced and patched
    (empty for criteria that are measured in one way). Intervals are percentile
    bootstraps over groups; q_value is the smallest false-discovery rate, over all
    heads, at which an effect is significantly different from zero (1 where nothing is
    tested).
    """
    rows = pd.concat(
        [_rows(answers, statistics) for answers in by_criterion(measured).values()]
    )
    return rows.sort_values(["layer", "head", "criterion"], ignore_index=True)


def by_criterion(measured: Iterable[Measured]) -> dict[str, list[Measured]]:
    """The measurements of each criterion: one, or one for each question."""
    found: dict[str, list[Measured]] = {}
    for each in measured:
        found.setdefault(each.criterion, []).append(each)
    return found


def _rows(answers: Sequence[Measured], statistics: Statistics) -> pd.DataFrame:
    """The rows of one criterion: each head's best answer."""
    found = [
        ratio_of_means(each.values, each.scale, each.groups, each.tested, statistics)
        for each in answers
    ]
    first, best = answers[0], np.zeros(answers[0].tested.shape, dtype=int)
    q_value = found[0].q_value
    if len(answers) > 1:
        values, p_values = (
            np.stack([getattr(each, name) for each in found])
            for name in ("value", "p_value")
        )
        tested = np.any([each.tested for each in answers], axis=0)
        best = best_answer(values, p_values, first.n_asked, 1 - statistics.level)
        q_value = np.ones(tested.shape)
        joined = joined_p(p_values[:, tested], first.n_asked)
        q_value[tested] = benjamini_hochberg(joined)
    layers, heads = np.indices(best.shape)
    questions = [each.question for each in answers]
    return pd.DataFrame(
        {
            "layer": layers.ravel(),
            "head": heads.ravel(),
            "criterion": first.criterion,
            **{name: of_best(found, name, best) for name in ESTIMATE},
            "q_value": q_value.ravel(),
            "n": len(first.scale),
            **{
                name: [getattr(questions[index], name) for index in best.ravel()]
                for name in Question._fields
            },
        }
    )


def of_best(
    found: Sequence[RatiosOfMeans], name: str, best: np.ndarray
) -> Float[np.ndarray, " head"]:
    """An estimate or a bound of each head's best answer, heads in order."""
    stacked = np.stack([getattr(each, name) for each in found])
    return np.take_along_axis(stacked, best[None], axis=0)[0].ravel()


def to_dataset(measured: Sequence[Measured]) -> xr.Dataset:
    """The measurements with named axes, to be written."""
    variables = {}
    for kind in KINDS:
        chosen = [each for each in measured if each.kind == kind]
        if not chosen:
            continue
        axes = (f"{kind}_criterion", "layer", "head", kind)
        stack = np.stack([each.values for each in chosen])
        scale = np.stack([each.scale for each in chosen])
        variables |= {
            f"{kind}_values": (axes, stack),
            f"{kind}_scale": ((axes[0], kind), scale),
            f"{kind}_tested": (axes[:3], np.stack([c.tested for c in chosen]) * 1),
            axes[0]: [each.criterion for each in chosen],
            f"{kind}_n_asked": (axes[0], [each.n_asked for each in chosen]),
            f"{kind}_given": (axes[0], [each.given for each in chosen]),
            f"{kind}_retraced": (axes[0], [int(each.retraced) for each in chosen]),
            **{
                f"{kind}_{field}": (
                    axes[0],
                    [getattr(c.question, field) for c in chosen],
                )
                for field in Question._fields
            },
            f"{kind}_group": (kind, [str(group) for group in chosen[0].groups]),
        }
    return xr.Dataset(variables)


def from_dataset(dataset: xr.Dataset) -> list[Measured]:
    """What `to_dataset` was given."""
    return [
        Measured(
            criterion,
            dataset[f"{kind}_values"].values[number].astype(np.float64),
            dataset[f"{kind}_scale"].values[number],
            dataset[f"{kind}_group"].values,
            dataset[f"{kind}_tested"].values[number].astype(bool),
            kind,
            Question(
                *(str(dataset[f"{kind}_{f}"].values[number]) for f in Question._fields)
            ),
            int(dataset[f"{kind}_n_asked"].values[number]),
            str(dataset[f"{kind}_given"].values[number]),
            bool(dataset[f"{kind}_retraced"].values[number]),
        )
        for kind in KINDS
        if f"{kind}_values" in dataset
        for number, criterion in enumerate(dataset[f"{kind}_criterion"].values.tolist())
    ]
