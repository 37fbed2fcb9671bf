"""Planted against found roles, over all planted models with the default noise."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heads import role_order
from figures.heatmaps import table_heatmap
from figures.style import TEXT_WIDTH

NOT_PLANTED = "none"


def counts(confusion: pd.DataFrame) -> pd.DataFrame:
    """Heads by planted role (rows) and found role (columns), in the order of roles."""
    table = confusion.pivot_table(
        index="planted", columns="found", values="heads", aggfunc="sum", fill_value=0
    )
    planted = [*role_order(set(table.index) - {NOT_PLANTED}), NOT_PLANTED]
    found = [*role_order({*planted, *table.columns} - {NOT_PLANTED})]
    return table.reindex(index=planted, columns=found, fill_value=0)


def draw(confusion: pd.DataFrame, task: str = "ioi") -> tuple[Figure, pd.DataFrame]:
    """How many heads of each planted role were found to have which role in a task."""
    shown = confusion[(confusion["is_default"] == 1) & (confusion["task"] == task)]
    table = counts(shown)
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.3 + 0.2 * len(table)))
    table_heatmap(
        table.div(table.sum(axis=1), axis=0),
        norm=PowerNorm(0.6, 0, 1),  # few wrong heads must show beside many right ones
        written=table.map(lambda heads: f"{heads:.0f}" if heads else ""),
        cmap="Greys",
        ax=ax,
    )
    ax.set_xticks(ax.get_xticks(), table.columns, rotation=35, ha="right")
    ax.set_xlabel("role found")
    ax.set_ylabel("role planted")
    long = table.rename_axis(columns="found").stack().rename("heads").reset_index()
    return fig, long


if __name__ == "__main__":
    figure_command(draw)
