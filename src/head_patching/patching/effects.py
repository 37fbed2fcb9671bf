"""Effects of heads: estimated, tested against zero, and judged important or not.

An effect is a ratio of means over pairs (`effect_contributions`), without unit:
0 where patching the head changes nothing, 1 where it moves logit_diff all the way to
the source run's. Intervals are percentile bootstraps over templates; tests flip the
signs of templates, and all tests of one table are one family (see `significance`).

Every table that states an effect, or says that a head is important, is made by
`ratio_of_means` and `is_important`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from head_patching.significance import sign_flip_tests
from head_patching.statistics import Statistics, bootstrap_ratio
from head_patching.terms import DIRECTIONS

KEYS = ["patch_type", "direction", "layer", "head", "position"]

# Below this difference of clean and corrupt mean logit_diff, dividing by it would turn
# rounding and sampling noise into effects.
SMALLEST_DENOMINATOR = 0.1

Numbers = TypeVar("Numbers", np.ndarray, pd.Series)


class TaskNotDone(ValueError):
    """Clean and corrupt logit_diff are too close to divide by their difference."""


@dataclass(frozen=True)
class Importance:
    """From where on an effect counts.

    Parameters
    ----------
    threshold
        Least absolute effect: a fraction of the clean less corrupt logit_diff.
    rate
        False-discovery rate at which it must be significantly different from zero.
    """

    threshold: float
    rate: float


@dataclass(frozen=True)
class RatiosOfMeans:
    """Ratios of means, shaped like the values they were made from without the pairs."""

    value: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p_value: np.ndarray
    q_value: np.ndarray


def effect_contributions(dataset: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Numerator and denominator of the normalised effect, pair by pair.

    The effect of a patch is mean(numerator) / mean(denominator): a ratio of means.
    Denoising: (patched - corrupt) / (clean - corrupt), 0 = corrupt behaviour, 1 =
    clean behaviour restored. Noising: (clean - patched) / (clean - corrupt), 1 =
    corrupt behaviour reached. Both may lie outside the range from 0 to 1.

    Raises
    ------
    TaskNotDone
        When clean and corrupt logit_diff are too close to divide by their difference.
    """
    clean, corrupt = dataset.clean_logit_diff, dataset.corrupt_logit_diff
    scale = clean - corrupt
    if not float(scale.mean()) >= SMALLEST_DENOMINATOR:
        attributes = dataset.attrs
        raise TaskNotDone(
            f"{attributes.get('model')} on {attributes.get('task')} "
            f"({attributes.get('corruption')}, prepend_bos="
            f"{attributes.get('prepend_bos')}): mean clean logit_diff "
            f"{float(clean.mean()):.3f} is not above the corrupt "
            f"{float(corrupt.mean()):.3f} by at least {SMALLEST_DENOMINATOR}; effects "
            "cannot be normalised: the model does not do the task, or the corruption "
            "does not change the answer"
        )
    if dataset.attrs["direction"] == "denoising":
        numerator = dataset.logit_diff - corrupt
    else:
        numerator = clean - dataset.logit_diff
    return numerator, scale


def normalised_effect(dataset: xr.Dataset) -> xr.DataArray:
    """The effect of each patch over all pairs, a ratio of means (no unit)."""
    numerator, scale = effect_contributions(dataset)
    effect = numerator.mean("pair") / float(np.mean(scale))
    return effect.rename("effect")


def unpatched_logit_diff(results: xr.Dataset) -> xr.DataArray:
    """logit_diff of the base run, the one that is patched, of each pair."""
    base = DIRECTIONS[results.attrs["direction"]].base
    return results[f"{base}_logit_diff"]


def is_patched(runs: xr.Dataset) -> Bool[np.ndarray, "layer head"]:
    """Which heads were patched: all, or those that `confirmed` names."""
    if "confirmed" in runs:
        return runs["confirmed"].values == 1
    return np.ones((runs.sizes["layer"], runs.sizes["head"]), dtype=bool)


def ratio_of_means(
    values: Float[np.ndarray, "*axes pair"],
    scale: Float[np.ndarray, " pair"],
    groups: Sequence[str] | np.ndarray,
    tested: Bool[np.ndarray, "*axes"],
    statistics: Statistics,
    family: Bool[np.ndarray, "*axes"] | None = None,
) -> RatiosOfMeans:
    """mean(values) / mean(scale) over the pairs, with its interval and its test.

    Parameters
    ----------
    values
        Numerator per pair, as in patched less corrupt logit_diff; a row with a NaN was
        not measured, and its value is NaN.
    scale
        Denominator per pair, as in clean less corrupt logit_diff.
    groups
        The template of each pair: pairs of one template are not independent.
    tested
        Which rows are tested against zero; the others have p and q of 1.
    statistics
        Resamples, sign flips, seed and level.
    family
        Which rows are one family of tests (None: those tested). What is in it and was
        not tested counts with p = 1.
    """
    known = np.isfinite(values).all(axis=-1)
    value, low, high = (np.full(known.shape, np.nan) for _ in range(3))
    if known.any():
        value[known] = values[known].mean(axis=-1) / scale.mean()
        if statistics.n_resamples:
            _, low[known], high[known] = bootstrap_ratio(
                values[known], scale, groups,
                statistics.n_resamples, statistics.seed, statistics.level,
            )  # fmt: skip
    if not statistics.n_sign_flips:
        tested = np.zeros_like(tested)
    p_value, q_value = sign_flip_tests(
        values, tested, groups, statistics.n_sign_flips, statistics.seed, family
    )
    return RatiosOfMeans(value, low, high, p_value, q_value)


def is_important(value: Numbers, q_value: Numbers, importance: Importance) -> Numbers:
    """Which effects are large and significantly different from zero.

    What was not tested, whose q is 1, is not important at any rate.
    """
    large = abs(value) >= importance.threshold
    return large & (q_value <= importance.rate) & (q_value < 1)


def effects_table(
    patched: Iterable[xr.Dataset], statistics: Statistics, importance: Importance
) -> pd.DataFrame:
    """The effect of every head in every set of patched runs, one row for each.

    Columns: direction and patch_type, layer, head and perhaps position, effect, ci_low,
    ci_high, p_value, q_value, confirmed (0: an estimate), important (0 or 1), n_pairs;
    sorted by patch type, direction, head, and position in the order of the runs.
    """
    table = pd.concat([effects_of(dataset, statistics) for dataset in patched])
    important = is_important(table["effect"], table["q_value"], importance)
    table.insert(table.columns.get_loc("n_pairs"), "important", important * 1)
    keys = [key for key in KEYS if key in table]
    return table.sort_values(keys, key=_in_given_order)


def effects_of(patched: xr.Dataset, statistics: Statistics) -> pd.DataFrame:
    """The effect of every head, at every position, in one set of patched runs.

    All heads are one family of tests, those whose values are estimates included, with
    p = 1: q_value is the smallest false-discovery rate at which a head's effect is
    significantly different from zero.
    """
    numerator, scale = effect_contributions(patched)
    contribution = numerator.transpose("layer", "head", ..., "pair")
    values = contribution.to_numpy().astype(np.float64)
    # Not in the family: patches that cannot change anything, as those before the first
    # token that differs. In it, but not tested: estimates, never called important.
    family = (values != 0).any(axis=-1)
    exact = np.ones(values.shape[:-1], dtype=bool)
    heads = is_patched(patched)  # at every position, or at none
    exact &= heads.reshape(*heads.shape, *[1] * (exact.ndim - 2))
    found = ratio_of_means(
        values,
        scale.to_numpy().astype(np.float64),
        patched["template"].to_numpy(),
        exact & family,
        statistics,
        family,
    )
    cells = contribution.isel(pair=0, drop=True).reset_coords(drop=True)
    table = cells.to_series().index.to_frame(index=False)
    for key in ("direction", "patch_type"):
        table.insert(0, key, patched.attrs[key])
    return table.assign(
        effect=found.value.ravel(),
        ci_low=found.ci_low.ravel(),
        ci_high=found.ci_high.ravel(),
        p_value=found.p_value.ravel(),
        q_value=found.q_value.ravel(),
        confirmed=exact.astype(int).ravel(),
        n_pairs=patched.sizes["pair"],
    )


def _in_given_order(column: pd.Series) -> pd.Series:
    """Positions in the order of the patched runs, everything else by value."""
    if column.name != "position":
        return column
    return column.map({name: number for number, name in enumerate(column.unique())})
