"""Which heads are patched within, and at single positions: chosen, and why.

Outputs of all heads are patched at all positions, which decides what is important. What
a head is made of, and where in the prompt it acts, is asked of three kinds of heads:
those whose output is important, those that attribution patching cannot rule out, and
some of the others, drawn at random. As nothing but chance chose the last, they show
without bias how far off the estimates of the heads that were not patched are.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from head_patching.files.register import columns
from head_patching.patching.effects import Importance, effects_table, normalised_effect
from head_patching.patching.estimates import estimated_runs
from head_patching.statistics import Statistics
from head_patching.terms import HEAD, Head

# Why a head is chosen; of several reasons the first.
REASONS = IMPORTANT, ESTIMATE, RANDOM = "important", "estimate", "random"

ALL = "all"  # positions at once


def choose_heads(
    outputs: Sequence[xr.Dataset],
    estimates: xr.Dataset,
    statistics: Statistics,
    importance: Importance,
    share: float,
    n_random: int,
    seed: int,
) -> pd.DataFrame:
    """The heads to patch; columns layer, head, reason, estimate; sorted by head.

    Parameters
    ----------
    outputs
        Output patching of all heads at all positions, in both directions.
    estimates
        Of every other patch (`attribution.estimate_changes`).
    statistics, importance
        Decide what is important, as in the table of effects.
    share
        Of the threshold of importance: an estimated effect of this size or more, of any
        patch type, direction and position, means that the head cannot be ruled out.
    n_random
        How many of the remaining heads are drawn; all if there are fewer.
    seed
        Of that draw.
    """
    effects = effects_table(outputs, statistics, importance)
    important = effects.groupby(HEAD)["important"].max().unstack().to_numpy() == 1
    least = share * importance.threshold
    return choose(important, largest_estimates(estimates), least, n_random, seed)


def choose(
    important: Bool[np.ndarray, "layer head"],
    largest: Float[np.ndarray, "layer head"],
    least: float,
    n_random: int,
    seed: int,
) -> pd.DataFrame:
    """The heads to patch, from what is known of each.

    Parameters
    ----------
    important
        Whether its output is important in a direction.
    largest
        Its largest estimated effect, without sign.
    least
        The estimate from which on a head cannot be ruled out.
    n_random
        How many of the remaining heads are drawn.
    seed
        Of that draw.

    Examples
    --------
    >>> choose(np.array([[True, False]]), np.array([[0.0, 0.01]]), 0.02, 1, 0)
       layer  head     reason  estimate
    0      0     0  important      0.00
    1      0     1     random      0.01
    """
    reasons = np.full(important.shape, "", dtype=object)
    reasons[largest >= least] = ESTIMATE
    reasons[important] = IMPORTANT
    rest = np.argwhere(reasons == "")
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(len(rest))[:n_random]
    reasons[tuple(rest[drawn].T)] = RANDOM
    layers, heads = np.nonzero(reasons != "")
    values = (layers, heads, reasons[layers, heads], largest[layers, heads])
    named = dict(zip(columns("chosen_heads"), values, strict=True))
    return pd.DataFrame(named)


def heads_of(chosen: pd.DataFrame) -> list[Head]:
    """The heads in the table, (layer, head)."""
    return list(chosen[HEAD].itertuples(index=False, name=None))


def largest_estimates(estimates: xr.Dataset) -> Float[np.ndarray, "layer head"]:
    """Each head's largest estimated effect, without sign, by whatever patch."""
    scale = float((estimates.clean_logit_diff - estimates.corrupt_logit_diff).mean())
    largest = []
    for name in ("estimated_change", "estimated_change_by_position"):
        if name in estimates:
            size = np.abs(estimates[name].mean("pair")) / scale
            others = [axis for axis in size.dims if axis not in HEAD]
            largest.append(size.max(others).transpose(*HEAD).to_numpy())
    return np.max(largest, axis=0)


def audit(
    patched: Iterable[xr.Dataset], estimates: xr.Dataset, chosen: pd.DataFrame
) -> pd.DataFrame:
    """Exact and estimated effects of the heads that were drawn at random.

    Parameters
    ----------
    patched
        Runs in which only the chosen heads were patched.
    estimates
        The same patches, estimated.
    chosen
        As `choose_heads` gives it.
    """
    drawn = heads_of(chosen[chosen["reason"] == RANDOM])
    rows = [row for runs in patched for row in _audited(runs, estimates, drawn)]
    table = pd.DataFrame(rows, columns=columns("audit"))
    keys = ["patch_type", "direction", *HEAD]
    return table.sort_values(keys, kind="stable", ignore_index=True)


def _audited(
    runs: xr.Dataset, estimates: xr.Dataset, drawn: Sequence[Head]
) -> Iterator[tuple[object, ...]]:
    """A row for each head and position of one set of runs."""
    kind = runs.attrs["patch_type"], runs.attrs["direction"]
    by_position = "position" in runs.dims
    guessed = estimated_runs(estimates, *kind, by_position).sel(pair=runs.pair)
    guessed = guessed.rename(estimated_logit_diff="logit_diff")
    both = normalised_effect(runs), normalised_effect(guessed)
    for position in runs["position"].values.tolist() if by_position else [ALL]:
        exact, guess = (
            each.sel(position=position) if by_position else each for each in both
        )
        for layer, head in drawn:
            values = (float(each[layer, head]) for each in (exact, guess))
            yield (*kind, position, layer, head, *values)
