"""Attribution patching beside exact effects: how well first-order estimates do."""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, flag
from head_patching.reporting.rounding import escape, join_names, math_mode
from head_patching.reporting.tabular import cell, number_column, tabular
from head_patching.terms import head_name


@numbers
def attribution_numbers(attribution: pd.DataFrame) -> Numbers:
    """Where attribution patching finds fewest of the strongest heads, and how many.

    Among all heads: where heads were chosen by estimates, these do well by choice.
    """
    table = attribution.sort_values(["patch_type", "direction"])
    table = table[table["n_heads"] == table["n_heads"].max()]
    fewest = table.loc[table["top_shared"].idxmin()]
    alike = table[table["top_shared"] == fewest["top_shared"]]
    named = [
        f"{math_mode(name) if len(name) == 1 else f'{name}s'} in "
        + " and ".join(of_type["direction"])
        for name, of_type in alike.groupby("patch_type")
    ]
    return {
        "attribution/top": str(fewest["top"]),
        "attribution/fewest": str(round(fewest["top_shared"] * fewest["top"])),
        "attribution/fewest-of": str(join_names(named)),
        "attribution/some-missed": flag(fewest["top_shared"] < 1),
    }


@latex_table
def attribution_table(attribution: pd.DataFrame) -> str:
    """Estimates against exact effects; by patch type, then direction."""
    table = attribution.sort_values(["patch_type", "direction"])
    top = table["top"].iloc[0]
    rows = [
        [
            escape(row.patch_type),
            escape(row.direction),
            str(row.n_heads),
            cell(row.pearson, 2, sign=True),
            cell(row.spearman, 2, sign=True),
            f"{round(row.top_shared * row.top)} of {row.top}",
            head_name(row.largest_error_layer, row.largest_error_head),
            cell(row.largest_error, 2),
        ]
        for row in table.itertuples()
    ]
    names = ["Patch type", "Direction", "Heads", "Pearson", "Spearman"]
    names += [f"Top {top} shared", "Worst head", "Error"]
    shown = pd.DataFrame(rows, columns=names)
    columns = [
        number_column(table[name], 2, sign=True) for name in ("pearson", "spearman")
    ]
    error = number_column(table["largest_error"], 2, sign=False)
    return tabular(shown, f"@{{}}llr{''.join(columns)}rl{error}@{{}}")
