"""Scores of planted models, as `validate` prints them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def print_scores(table: "pd.DataFrame") -> None:
    """Print what was found of all models, and what nobody planted."""
    from rich.console import Console

    from head_patching.roles import false_findings, scores

    console = Console()
    of_kinds = scores.scores(table)
    if len(of_kinds):
        console.print(scores_table(of_kinds))
    nulls = false_findings.false_roles(table)
    beside = false_findings.decoys_named(table)
    for name, of_task in nulls.groupby("task", sort=False):
        console.print(
            f"{name}: {len(of_task)} null models: "
            f"{of_task['false_roles'].sum()} false roles, "
            f"{of_task['backups'].sum()} backups called name movers where these are "
            f"left out, {of_task['refused'].sum()} refused because they do not do the "
            "task."
        )
    for (name, kind), of_kind in beside.groupby(["task", "kind"], sort=False):
        console.print(
            f"{name}: {of_kind['n_decoys'].sum()} decoys of kind {kind}: "
            f"{of_kind['with_role'].sum()} with a role."
        )


def scores_table(scores: "pd.DataFrame") -> "Table":
    """Precision and recall of each role, for the terminal.

    What all rows share stands in the title; attention is left out where it goes with
    redundancy.
    """
    from rich.table import Table

    from head_patching.roles.scores import CELL

    varied = [key for key in CELL if scores[key].nunique() > 1]
    shared = [f"{key} {scores[key].iloc[0]}" for key in CELL if key not in varied]
    attentions = scores.groupby("redundancy")["attention"].nunique()
    if "attention" in varied and attentions.max() == 1:
        varied.remove("attention")
    table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    table.title = ", ".join(shared)
    for heading in (*varied, "role"):
        table.add_column(heading, no_wrap=True)
    for heading in ("right", "wrong", "missed", "precision", "recall"):
        table.add_column(heading, justify="right")
    for row in scores.itertuples():
        names = [str(getattr(row, key)) for key in varied]
        table.add_row(
            *names, row.role, str(row.tp), str(row.fp), str(row.fn),
            f"{row.precision:.2f}", f"{row.recall:.2f}",
        )  # fmt: skip
    return table
