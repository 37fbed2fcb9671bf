"""head-patching compare-estimates: attribution patching beside exact effects."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import ChosenHeads, Estimates, Out, Patched


def compare_estimates(
    patched: Patched,
    estimates: Estimates,
    chosen_heads: ChosenHeads,
    out: Out,
    out_audit: Annotated[
        Path, typer.Option(metavar="CSV", help="The heads drawn at random, one by one.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Strongest heads to compare.")] = 20,
) -> None:
    """Say how far off estimates are, over all heads that were patched."""
    import pandas as pd

    from head_patching.files.datasets import ESTIMATED, PATCHED, read_dataset
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.patching import choice
    from head_patching.patching.effects import is_patched
    from head_patching.patching.estimates import (
        agreement_of_estimates,
        estimated_runs,
    )

    exact = [read_dataset(path, PATCHED) for path in patched]
    estimated = read_dataset(estimates, ESTIMATED)
    rows = []
    for runs in exact:
        if "position" in runs.dims or not is_patched(runs).any():
            continue
        kind = {key: runs.attrs[key] for key in ("patch_type", "direction")}
        guess = estimated_runs(estimated, **kind)
        rows.append(kind | agreement_of_estimates(guess, runs, top))
    table = pd.DataFrame(rows).sort_values(["patch_type", "direction"])
    write_table("attribution", out, table)
    some = [runs for runs in exact if "confirmed" in runs]
    chosen = read_table("chosen_heads", chosen_heads)
    write_table("audit", out_audit, choice.audit(some, estimated, chosen))
