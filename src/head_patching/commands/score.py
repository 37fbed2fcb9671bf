"""head-patching score: a list of heads with roles, against planted circuits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._options import Level

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def score(
    truth: Annotated[
        list[Path],
        typer.Option(metavar="JSON", help="truth.json of a model; may be repeated."),
    ],
    heads: Annotated[
        list[Path],
        typer.Option(
            metavar="CSV",
            help="Columns layer, head and role; one list for each truth, in order.",
        ),
    ],
    level: Level = 0.95,
    out: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The same numbers.")
    ] = None,
) -> None:
    """Precision and recall of anybody's list of heads with roles.

    A head with a role counts as right if that role was planted in it, else as wrong; a
    head with two roles counts twice, and `undecided` and `no role` not at all. Models
    are pooled.
    """
    from rich.console import Console

    from head_patching.files.writing import write_table
    from head_patching.roles import head_lists

    table = head_lists.list_scores(head_lists.beside_truths(truth, heads), level)
    if out is not None:
        write_table("list_scores", out, table)
    console = Console(highlight=False, markup=False)
    console.print(score_table(table))
    models = f"{len(truth)} model{'s' * (len(truth) != 1)}"
    console.print(
        f"Heads of {models} are pooled. Intervals: Clopper-Pearson at "
        f"{100 * level:g} % over heads, as if the heads of one model were independent."
    )


def score_table(scores: "pd.DataFrame") -> "Table":
    """Precision and recall of each role with their intervals, for the terminal."""
    from rich.table import Table

    from head_patching.reporting.rounding import format_interval, format_number

    # As wide as a terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("role", no_wrap=True)
    for heading in ("right", "wrong", "missed", "precision", "recall"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in scores.itertuples():
        cells = [row.role, str(row.tp), str(row.fp), str(row.fn)]
        for rate in ("precision", "recall"):
            value = format_number(getattr(row, rate), 2)
            ends = (getattr(row, f"{rate}_{end}") for end in ("low", "high"))
            cells.append(f"{value} {format_interval(*ends, 2)}")
        table.add_row(*cells)
    return table
