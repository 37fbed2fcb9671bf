"""The engine beside the reference: how far their patched runs differ."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers
from head_patching.reporting.rounding import MISSING, escape, math_mode, scientific
from head_patching.reporting.tabular import tabular
from head_patching.terms import HEAD


@numbers
def check_numbers(
    self_check: pd.DataFrame, self_check_summary: Mapping[str, Any]
) -> Numbers:
    """The largest differences: from the reference, and after a patch of nothing."""
    summary = self_check_summary
    return {
        "check/max-abs-diff": math_mode(scientific(summary["max_abs_diff"])),
        "check/tolerance": math_mode(scientific(summary["tolerance"])),
        "check/identity-max": math_mode(scientific(summary["identity_max"])),
        "check/n-pairs": str(summary["n_pairs"]),
        "check/n-heads": str(summary["n_heads"]),
        "check/n-values": str(len(self_check)),
    }


@latex_table
def self_check_table(self_check: pd.DataFrame) -> str:
    """The engine against the reference; a row for each patch type."""
    directions = sorted(self_check["direction"].unique())
    rows = []
    for patch_type, of_type in self_check.groupby("patch_type"):
        row = [escape(patch_type)]
        for direction in directions:
            part = of_type[of_type["direction"] == direction]
            row += [str(len(part.drop_duplicates(HEAD))), str(len(part))]
            row.append(
                math_mode(scientific(part["abs_diff"].max())) if len(part) else MISSING
            )
        rows.append(row)
    names = ["Patch type"]
    for direction in directions:
        names += [f"{direction.capitalize()}: heads", "values", "largest difference"]
    table = pd.DataFrame(rows, columns=names)
    return tabular(table, f"@{{}}l{'rrr' * len(directions)}@{{}}")
