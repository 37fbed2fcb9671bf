"""Planted against found roles, over all planted models with the default noise."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH, role_order, text_color

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
    shares = table.div(table.sum(axis=1), axis=0).to_numpy()
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.3 + 0.2 * len(table)))
    norm = PowerNorm(0.6, 0, 1)  # few wrong heads must show beside many right ones
    mesh = ax.pcolormesh(
        np.arange(shares.shape[1] + 1) - 0.5, np.arange(shares.shape[0] + 1) - 0.5,
        shares, cmap="Greys", norm=norm, edgecolors="white", linewidth=0.5,
    )  # fmt: skip
    for (row, column), share in np.ndenumerate(shares):
        if table.iloc[row, column]:
            color = text_color(mesh.cmap(norm(share)))
            number = f"{table.iloc[row, column]:.0f}"
            ax.text(
                column, row, number, ha="center", va="center_baseline", fontsize=7,
                color=color,
            )  # fmt: skip
    ax.set_xticks(range(len(table.columns)), table.columns, rotation=35, ha="right")
    ax.set_yticks(range(len(table)), table.index)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("role found")
    ax.set_ylabel("role planted")
    long = table.rename_axis(columns="found").stack().rename("heads").reset_index()
    return fig, long


if __name__ == "__main__":
    figure_command(draw)
