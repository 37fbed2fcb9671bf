"""Patched runs of which some heads are exact and the others first-order estimates.

`confirmed` says which: 1 where the head was patched, 0 where its value is an estimate
of attribution patching. An estimate is shown, and marked, but never tested: no head is
important, and none has a role, by an estimate.
"""

from collections.abc import Collection

import numpy as np
import xarray as xr

from head_patching.patching.effects import unpatched_logit_diff
from head_patching.patching.estimates import AT_POSITIONS, estimated_change_of
from head_patching.terms import Head


def with_estimates(
    exact: xr.Dataset, estimates: xr.Dataset, heads: Collection[Head]
) -> xr.Dataset:
    """Exact values of the heads that were patched, and estimates of all others.

    Parameters
    ----------
    exact
        As `HeadPatcher.run` gives it for `heads`; NaN for others.
    estimates
        Of all patches and heads (`attribution.estimate_changes`), on these or on more
        pairs.
    heads
        Heads (layer, head).

    Returns
    -------
    xarray.Dataset
        As `exact`, with `confirmed` (layer, head): 0 where the value is an estimate.

    Raises
    ------
    ValueError
        When the estimates are of another model, of other prompts or positions.
    """
    require_same_runs(exact, estimates)
    change = estimated_change_of(
        estimates, exact.attrs["patch_type"], exact.attrs["direction"],
        "position" in exact.dims,
    )  # fmt: skip
    change = change.sel({axis: exact[axis] for axis in change.dims})
    # On top of the exact unpatched value: what changes nothing has an effect of zero.
    values = (change + unpatched_logit_diff(exact)).transpose(*exact.logit_diff.dims)
    results = unconfirmed(exact.assign(logit_diff=exact.logit_diff.copy(data=values)))
    confirm(results, exact, heads)
    return results


def require_same_runs(exact: xr.Dataset, estimates: xr.Dataset) -> None:
    """Refuse estimates of another model, or of other prompts or patches."""
    for name in ("model", "task", "corruption", "prepend_bos"):
        if exact.attrs[name] != estimates.attrs[name]:
            raise ValueError(
                f"the estimates are of {name} {estimates.attrs[name]}, the patched "
                f"runs of {exact.attrs[name]}: estimate the effects again"
            )
    patch_type = exact.attrs["patch_type"]
    asked = {
        "patch_type": [patch_type],
        "direction": [exact.attrs["direction"]],
        "pair": exact["pair"].values.tolist(),
    }
    if "position" in exact.dims:
        if patch_type != AT_POSITIONS:
            raise ValueError(f"single positions of {patch_type} are not estimated")
        asked["position"] = exact["position"].values.tolist()
    for axis, names in asked.items():
        known = estimates[axis].values.tolist() if axis in estimates.dims else []
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(
                f"the estimates have no {axis} {missing[0]}: estimate the effects again"
            )


def unconfirmed(runs: xr.Dataset) -> xr.Dataset:
    """Runs whose `logit_diff` is estimated, with `confirmed` 0 for every head."""
    shape = runs.sizes["layer"], runs.sizes["head"]
    confirmed = ("layer", "head"), np.zeros(shape, dtype=np.int8)
    results = runs.copy(deep=True).assign(confirmed=confirmed)
    method = "screened: estimates except where confirmed"
    # Coordinates after variables, as in shards that are gathered: for equal bytes.
    return results[[*results.data_vars]].assign_attrs(method=method)


def confirm(results: xr.Dataset, exact: xr.Dataset, heads: Collection[Head]) -> None:
    """Put the exact values of some heads in the place of their estimates.

    Parameters
    ----------
    results
        As `unconfirmed` made it.
    exact
        The same patches, of these heads at least.
    heads
        Heads (layer, head).
    """
    for layer, head in heads:
        results.logit_diff.values[layer, head] = exact.logit_diff.values[layer, head]
        results.confirmed.values[layer, head] = 1
