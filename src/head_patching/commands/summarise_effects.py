"""head-patching summarise-effects: from patched logit_diffs to effects of heads."""

from typing import TYPE_CHECKING

from head_patching.commands.options import (
    Level,
    Out,
    Patched,
    Rate,
    Resamples,
    Seed,
    SignFlips,
    Threshold,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

KEYS = ["patch_type", "direction", "layer", "head", "position"]


def summarise_effects(
    patched: Patched,
    threshold: Threshold,
    false_discovery_rate: Rate,
    resamples: Resamples,
    sign_flips: SignFlips,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Write the effect of every head, with its interval and whether it is important."""
    import pandas as pd

    from head_patching.files.reading import PATCHED, read_dataset
    from head_patching.files.tables import write_table

    tables = [
        effects(read_dataset(path, PATCHED), resamples, sign_flips, seed, level)
        for path in patched
    ]
    table = pd.concat(tables)
    strong = (table["effect"].abs() >= threshold) & (table["confirmed"] == 1)
    table["important"] = (strong & (table["q_value"] <= false_discovery_rate)) * 1
    columns = [column for column in table if column != "n_pairs"]
    keys = [key for key in KEYS if key in table]
    table = table[[*columns, "n_pairs"]]
    name = "effects_by_position" if "position" in table else "effects"
    write_table(name, out, table.sort_values(keys, key=in_given_order))


def in_given_order(column: "pd.Series") -> "pd.Series":
    """Positions in the order in which they were asked for, everything else by value."""
    if column.name != "position":
        return column
    return column.map({name: number for number, name in enumerate(column.unique())})


def effects(
    dataset: "xr.Dataset", resamples: int, sign_flips: int, seed: int, level: float
) -> "pd.DataFrame":
    """The effect of every head, at every position, in one set of patched runs.

    All tests of one set of runs are one family: q_value is the smallest
    false-discovery rate at which a head's effect is told from zero.
    """
    import numpy as np

    from head_patching.metrics import effect_contributions
    from head_patching.statistics import (
        bootstrap_ratio,
        sign_flip_tests,
    )

    numerator, scale = effect_contributions(dataset)
    contribution = numerator.transpose("layer", "head", ..., "pair")
    values, groups = contribution.to_numpy(), dataset["template"].to_numpy()
    estimate, low, high = bootstrap_ratio(
        values, scale.to_numpy(), groups, resamples, seed, level
    )
    # Not tested: estimates, which are never called important, and patches that cannot
    # change anything, as those before the first token that differs.
    exact = np.ones(estimate.shape, dtype=bool)
    if "confirmed" in dataset:
        exact = dataset["confirmed"].to_numpy() == 1
    tested = exact & (values != 0).any(axis=-1)
    p_value, q_value = sign_flip_tests(values, tested, groups, sign_flips, seed)
    measured = {
        "effect": estimate,
        "ci_low": low,
        "ci_high": high,
        "p_value": p_value,
        "q_value": q_value,
    }
    cells = contribution.isel(pair=0, drop=True).reset_coords(drop=True)
    table = cells.to_series().index.to_frame(index=False)
    for key in ("direction", "patch_type"):
        table.insert(0, key, dataset.attrs[key])
    for column, array in measured.items():
        table[column] = array.ravel()
    table["confirmed"] = exact.astype(int).ravel()
    return table.assign(n_pairs=dataset.sizes["pair"])
