"""Estimated changes of logit_diff, as stored: read as patched runs, and compared.

They are made by `attribution.estimate_changes`. Importing this loads no torch, so that
commands that only read estimates start quickly.
"""

import numpy as np
import xarray as xr

from head_patching.patching.effects import is_patched, unpatched_logit_diff
from head_patching.terms import RUNS

# Single positions are patched in outputs.
AT_POSITIONS = "output"


def estimated_runs(
    estimates: xr.Dataset, patch_type: str, direction: str, by_position: bool = False
) -> xr.Dataset:
    """One patch type and direction of estimates, as `HeadPatcher.run` has it.

    Its `estimated_logit_diff` is the unpatched run's value and the estimated change.
    """
    change = estimated_change_of(estimates, patch_type, direction, by_position)
    runs = estimates[[f"{run}_logit_diff" for run in RUNS]]
    runs = runs.drop_vars([*set(runs.coords) - {"pair", "template"}])
    runs = runs.assign_attrs(patch_type=patch_type, direction=direction)
    return runs.assign(estimated_logit_diff=change + unpatched_logit_diff(runs))


def estimated_change_of(
    estimates: xr.Dataset, patch_type: str, direction: str, by_position: bool = False
) -> xr.DataArray:
    """The estimated changes of one patch type and direction, in logits."""
    chosen = {"patch_type": patch_type, "direction": direction}
    name = "estimated_change"
    if by_position:
        name, chosen = f"{name}_by_position", {"direction": direction}
    return estimates[name].sel(chosen).drop_vars([*chosen])


def agreement_of_estimates(
    estimated: xr.Dataset, exact: xr.Dataset, top: int = 20
) -> dict:
    """How well estimates agree with exact effects over heads.

    Returns Pearson's and Spearman's correlation of mean changes of logit_diff, the
    fraction of the `top` exact heads among the `top` estimated ones, and the largest
    single error (logit) with its head; all over the heads that were patched exactly
    (`n_heads`) and the pairs that were patched. Missing with fewer than three heads.
    """
    from scipy.stats import pearsonr, spearmanr

    base = unpatched_logit_diff(exact)
    known = is_patched(exact)
    true = (exact.logit_diff - base).mean("pair").values[known]
    estimates = estimated.estimated_logit_diff.sel(pair=exact.pair)
    guess = (estimates - base).mean("pair").values[known]
    top = min(top, len(true))
    order = [np.argsort(-np.abs(x))[:top] for x in (true, guess)]
    error = np.abs(guess - true)
    layer, head = np.argwhere(known)[error.argmax()]
    few = len(true) < 3
    return {
        "n_heads": len(true),
        "pearson": np.nan if few else float(pearsonr(true, guess).statistic),
        "spearman": np.nan if few else float(spearmanr(true, guess).statistic),
        "top": top,
        "top_shared": len(set(order[0].tolist()) & set(order[1].tolist())) / top,
        "largest_error": float(error.max()),
        "largest_error_layer": int(layer),
        "largest_error_head": int(head),
    }
