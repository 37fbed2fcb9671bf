"""Dots of a panel, each in its own colour and with its own marker."""

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from numpy.typing import ArrayLike


def dots(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    *,
    colors: Iterable[str],
    markers: Iterable[str] = "o",
    size: float,
    edge: str = "black",
    edge_width: float,
    zorder: float = 2,
) -> PathCollection:
    """Draw dots one after the other, so that the last are on top.

    Parameters
    ----------
    ax
        The panel.
    x, y
        Where the dots are, in its units.
    colors
        Of each dot.
    markers
        Of each dot, or one for all.
    size
        Area of a dot, in points squared.
    edge, edge_width
        Colour of the outline, and its width in points.
    zorder
        Higher is further in front.
    """
    drawn = ax.scatter(
        x, y, s=size, c=[*colors], edgecolors=edge, linewidths=edge_width, zorder=zorder
    )
    drawn.set_paths([marker_path(marker) for marker in markers])
    return drawn


def marker_path(marker: str) -> Path:
    """The outline of a marker."""
    style = MarkerStyle(marker)
    return style.get_path().transformed(style.get_transform())
