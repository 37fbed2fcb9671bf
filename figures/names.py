"""Names of points, each in the nearest spot where it covers nothing.

A thin line leads to a name that does not stand right beside its point.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke

# In points, as all lengths here.
GAPS = (2.0, 6.0, 12.0, 19.0, 27.0)  # from a point to its name, nearest first
MARKER = 3.5  # half the size of a point
BETWEEN = 2.0  # at least, between names
ARROW_STEP = 2.0  # between places of an arrow that are kept free

# Towards which side of its point a name stands, the best side first.
SIDES = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))

# How much worse than a point more of distance it is to leave the panel, to cover a
# point or a name, to stand nearer to another point, and to cover a place of an arrow.
OUTSIDE, COVERED, MISTAKEN, CROSSED = 1e6, 1e3, 50.0, 10.0


@dataclass(frozen=True)
class Name:
    """What stands beside the point (x, y), in the panel's own units."""

    text: str
    x: float
    y: float
    color: str = "black"


def name_points(
    ax: Axes,
    names: Sequence[Name],
    points: Float[np.ndarray, "point 2"],
    fontsize: float = 6.5,
    furthest: float = GAPS[-1],
) -> None:
    """Write the names, the first ones in the best spots.

    To be called when all else is drawn: arrows and texts there are kept free, and room
    depends on the panel's final size.

    Parameters
    ----------
    points
        All points of the panel, named or not.
    furthest
        The largest gap between a point and its name.
    """
    figure = ax.figure
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    frame = ax.get_window_extent().extents * scale
    centres = ax.transData.transform(points) * scale
    written = [text.get_window_extent().extents * scale for text in ax.texts]
    taken = np.vstack([np.hstack([centres - MARKER, centres + MARKER]), *written])
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    crossed = (
        np.concatenate([np.empty((0, 2)), *(along(a, ax) for a in arrows)]) * scale
    )
    for name in names:
        at = ax.transData.transform((name.x, name.y)) * scale
        size = extent(ax, name.text, fontsize) * scale
        spots = list(spots_around(at, size, furthest))
        costs = [
            gap
            + OUTSIDE * (not inside(box, frame))
            + COVERED * overlapping(box, taken).sum()
            + MISTAKEN * (distances(box, centres) < distances(box, at[None]) + 1).sum()
            + CROSSED * within(box, crossed).sum()
            for gap, box in spots
        ]
        gap, box = spots[int(np.argmin(costs))]
        taken = np.vstack([taken, box + BETWEEN * np.array([-1, 0, 1, 0])])
        leader = {"arrowstyle": "-", "linewidth": 0.4, "color": "#666666"}
        leader |= {"shrinkA": 0, "shrinkB": MARKER}
        ax.annotate(
            name.text, (name.x, name.y), xytext=(box[:2] + box[2:]) / 2 - at,
            textcoords="offset points", ha="center", va="center", fontsize=fontsize,
            color=name.color, zorder=6,
            arrowprops=leader if gap > GAPS[0] else None,
            path_effects=[withStroke(linewidth=1.2, foreground="white")],
        ).set_in_layout(False)  # fmt: skip


def spots_around(
    at: Float[np.ndarray, "2"], size: Float[np.ndarray, "2"], furthest: float
) -> Iterator[tuple[float, Float[np.ndarray, "4"]]]:
    """Gaps and boxes (left, low, right, high) of a name around its point."""
    for gap in GAPS:
        if gap > furthest:
            return
        for side in np.array(SIDES):
            away = (MARKER + gap) * side / np.linalg.norm(side)
            centre = at + away + side * size / 2
            yield gap, np.concatenate([centre - size / 2, centre + size / 2])


def extent(ax: Axes, text: str, fontsize: float) -> Float[np.ndarray, "2"]:
    """Width and height of a text, in pixels."""
    drawn = ax.text(0, 0, text, fontsize=fontsize)
    box = drawn.get_window_extent()
    drawn.remove()
    return np.array([box.width, box.height])


def along(arrow: FancyArrowPatch, ax: Axes) -> Float[np.ndarray, "place 2"]:
    """Places along an arrow, in pixels."""
    path = ax.transData.transform_path(arrow.get_path())
    parts = [np.empty((0, 2))]
    parts += [
        np.linspace(start, end, 2 + int(np.hypot(*(end - start)) / ARROW_STEP))
        for line in path.to_polygons(closed_only=False)
        for start, end in pairwise(line)
    ]
    return np.concatenate(parts)


def inside(box: Float[np.ndarray, "4"], frame: Float[np.ndarray, "4"]) -> bool:
    """Whether a box lies in another."""
    return bool((box[:2] >= frame[:2]).all() and (box[2:] <= frame[2:]).all())


def overlapping(
    box: Float[np.ndarray, "4"], others: Float[np.ndarray, "box 4"]
) -> np.ndarray:
    """Which of the other boxes a box touches."""
    return ((box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])).all(axis=1)


def distances(
    box: Float[np.ndarray, "4"], centres: Float[np.ndarray, "point 2"]
) -> Float[np.ndarray, " point"]:
    """How far points are from a box."""
    return np.hypot(*np.maximum(0, np.maximum(box[:2] - centres, centres - box[2:])).T)


def within(
    box: Float[np.ndarray, "4"], places: Float[np.ndarray, "place 2"]
) -> np.ndarray:
    """Which places lie in a box."""
    return ((box[:2] < places) & (places < box[2:])).all(axis=1)
