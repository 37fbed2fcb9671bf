"""Where the roles are: layer by head, one fixed colour per role."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heads import first_roles
from figures.heatmaps import head_heatmap, name_cells
from figures.style import TEXT_WIDTH, role_handles, role_palette
from head_patching.terms import has_role


def role_cells(heads: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One cell per head in its role's colour."""
    palette = role_palette(heads["role"])
    number = {role: n for n, role in enumerate(palette)}
    numbered = heads.assign(number=heads["role"].map(number))
    return head_heatmap(
        numbered.pivot(index="layer", columns="head", values="number"),
        norm=BoundaryNorm([n - 0.5 for n in range(len(palette) + 1)], len(palette)),
        cmap=ListedColormap(list(palette.values())),
        ax=ax,
    )


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
    name_cells(ax, heads[heads["role"].map(has_role)])
    return fig, heads


if __name__ == "__main__":
    figure_command(draw)
