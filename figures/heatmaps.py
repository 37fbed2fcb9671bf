"""Heat maps by seaborn: layer by head, and tables with a number in each cell."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle

from figures.axes import number_heads
from figures.heads import effect_name
from figures.names import Name, name_points, points_per_unit
from figures.style import EFFECT, EFFECT_CMAP, SMALL, settle_layout, text_color

NARROW = 20.0  # points; a head's name does not fit into a cell that is narrower


def head_heatmap(
    grid: pd.DataFrame,
    *,
    norm: Normalize,
    cmap: str | Colormap = EFFECT_CMAP,
    ax: Axes | None = None,
) -> Axes:
    """One cell per head, layer 0 at the bottom as information flows.

    Parameters
    ----------
    grid
        A row per layer, a column per head.
    norm
        Where values lie on the colour map; panels of one figure share it.
    cmap
        Colours of the values.
    ax
        The panel to draw into; None is the current one.
    """
    ax = plt.gca() if ax is None else ax
    sns.heatmap(
        grid, cmap=cmap, norm=norm, linewidths=0.3, cbar=False, xticklabels=False,
        yticklabels=False, ax=ax,
    )  # fmt: skip
    ax.invert_yaxis()
    number_heads(ax, *grid.shape, middle=0.5)
    return ax


def effect_heatmap(
    effects: pd.DataFrame, *, limit: float, ax: Axes | None = None
) -> Axes:
    """Heat map of one patch type and direction, from -limit to +limit.

    A dot marks a cell whose effect is an estimate.
    """
    grid = effects.pivot(index="layer", columns="head", values="effect")
    ax = head_heatmap(grid, norm=Normalize(-limit, limit), ax=ax)
    if "confirmed" in effects:
        estimates = effects[effects["confirmed"] == 0]
        ax.scatter(
            estimates["head"] + 0.5, estimates["layer"] + 0.5, s=1.2, color="#aaaaaa",
            linewidth=0,
        )  # fmt: skip
    return ax


def table_heatmap(
    table: pd.DataFrame,
    *,
    norm: Normalize,
    written: pd.DataFrame,
    cmap: str | Colormap,
    ax: Axes | None = None,
) -> Axes:
    """A table as it is read: first row at the top, rows and columns named.

    Parameters
    ----------
    table
        The values that colours show.
    norm
        Where values lie on the colour map; panels of one figure share it.
    written
        What is written into each cell, in the shape of the table.
    cmap
        Colours of the values.
    ax
        The panel to draw into; None is the current one.
    """
    ax = plt.gca() if ax is None else ax
    sns.heatmap(
        table, cmap=cmap, norm=norm, annot=written, fmt="", linewidths=0.8,
        annot_kws={"fontsize": SMALL, "va": "center_baseline"}, cbar=False,
        xticklabels=list(table.columns), yticklabels=list(table.index), ax=ax,
    )  # fmt: skip
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    # seaborn writes white on colours that are too light for it.
    colors = cell_colors(ax)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        text.set_color(text_color(colors[row, column]))
    return ax


def cell_colors(ax: Axes) -> Float[np.ndarray, "row column 4"]:
    """The colours of a heat map's cells (red, green, blue, alpha)."""
    mesh = ax.collections[0]
    return mesh.cmap(mesh.norm(mesh.get_array()))


def name_cells(ax: Axes, named: pd.DataFrame) -> None:
    """Write the names of some heads into their cells, or beside narrow ones.

    To be called when all else is drawn: room depends on the panel's final size.
    """
    settle_layout(ax.figure)
    colors = cell_colors(ax)
    cell = points_per_unit(ax)
    if cell[0] < NARROW:
        for row in named.itertuples():  # a frame says whose name it is
            corner = row.head, row.layer
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, linewidth=0.5))
        names = [
            Name(effect_name(row), row.head + 0.5, row.layer + 0.5)
            for row in named.itertuples()
        ]
        points = named[["head", "layer"]].to_numpy() + 0.5
        name_points(ax, names, points, size=cell)
        return
    for row in named.itertuples():
        ax.text(
            row.head + 0.5, row.layer + 0.5, effect_name(row), fontsize=SMALL,
            ha="center", va="center_baseline",
            color=text_color(colors[row.layer, row.head]),
        )  # fmt: skip


def effect_bar(
    cells: ScalarMappable, axes: np.ndarray, *, label: str = EFFECT, pad: float = 0.02
) -> None:
    """The colour bar of panels of effects, below them."""
    fig = axes.flat[0].figure
    bar = fig.colorbar(
        cells, ax=axes, location="bottom", shrink=0.6, aspect=45, pad=pad
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label(label)
