"""Where the roles are: layer by head, one fixed colour per role."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures.command import figure_command
from figures.style import (
    TEXT_WIDTH,
    UNDECIDED_ROLES,
    first_roles,
    head_axes,
    role_color,
    text_color,
)
from figures.top_heads import role_handles
from head_patching.terms import head_name


def role_cells(heads: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One cell per head in its role's colour; a head with a role is named."""
    ax = plt.gca() if ax is None else ax
    for row in heads.itertuples():
        color = role_color(row.role)
        ax.add_patch(
            Rectangle(
                (row.head - 0.5, row.layer - 0.5),
                1,
                1,
                facecolor=color,
                edgecolor="white",
                linewidth=0.5,
            )
        )
        if row.role not in UNDECIDED_ROLES:
            ax.text(
                row.head,
                row.layer,
                head_name(row.layer, row.head),
                ha="center",
                va="center_baseline",
                fontsize=6,
                color=text_color(to_rgba(color)),
            )
    head_axes(ax, heads["layer"].max() + 1, heads["head"].max() + 1)
    return ax


def draw(roles: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """The role of every head."""
    heads = first_roles(roles)
    n_layers = heads["layer"].max() + 1
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.6 + 0.12 * max(n_layers, 14)))
    role_cells(heads, ax=ax)
    counts = heads["role"].value_counts()
    handles = role_handles(heads["role"])
    for handle in handles:
        handle.set_label(f"{handle.get_label()} ({counts[handle.get_label()]})")
        handle.set_markersize(7)
    fig.legend(handles=handles, loc="outside right upper", labelspacing=0.8)
    return fig, heads


if __name__ == "__main__":
    figure_command(draw)
