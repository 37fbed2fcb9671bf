"""Names of points: each starts on the emptiest side, and adjustText moves them apart.

A thin line leads to a name that is not right beside its point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from adjustText import adjust_text
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from figures.style import SMALL, settle_layout

# In points, as all lengths here.
POINT = np.array([7.0, 7.0])  # size of a marker
GAP = 2.5  # between a marker and its name
FAR = 5.0  # from here on a line leads to a name
STEP = 3.0  # between the places of an arrow or interval that are looked at

# The side of its point on which a name starts, the best first.
SIDES = np.array([(1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1)])

# Not a limit in seconds, adjustText's own: every machine has to draw the same.
ITERATIONS = 300

LEADER = {"arrowstyle": "-", "linewidth": 0.4, "color": "#666666", "shrinkA": 0}


@dataclass(frozen=True)
class Name:
    """The name of the point (x, y), in the panel's own units."""

    text: str
    x: float
    y: float
    color: str = "black"


def name_points(
    ax: Axes,
    names: Sequence[Name],
    points: Float[np.ndarray, "point 2"],
    *,
    fontsize: float = SMALL,
    size: Float[np.ndarray, "2"] = POINT,
) -> None:
    """Write the names where they cover neither a point nor another name.

    To be called when all else is drawn: room depends on the panel's final size. Arrows
    and intervals count only for the side on which a name starts, since the time that
    adjustText takes grows with the square of what it has to avoid.

    Parameters
    ----------
    ax
        The panel.
    names
        What to write, of the points or of some of them; the first choose first.
    points
        All points of the panel, named or not, in its units.
    fontsize
        Of the names, in points.
    size
        Width and height of a point, in points: of its marker or its cell.
    """
    if not names:
        return
    settle_layout(ax.figure)
    pixels = ax.figure.dpi / 72
    half = np.array(size) * pixels / 2
    centres = ax.transData.transform(points)
    avoided = [Bbox([centre - half, centre + half]) for centre in centres]
    avoided += [text.get_window_extent() for text in ax.texts]
    frame = ax.get_window_extent()
    lines = lines_of(ax, STEP * pixels)
    texts, taken = [], np.array([box.extents for box in avoided])
    for name in names:
        text = ax.text(
            name.x, name.y, name.text, fontsize=fontsize, color=name.color,
            ha="center", va="center", zorder=6,
            path_effects=[withStroke(linewidth=1.2, foreground="white")],
        )  # fmt: skip
        text.set_in_layout(False)
        at = ax.transData.transform((name.x, name.y))
        box = start(text, at, half + GAP * pixels, centres, taken, lines, frame)
        text.set_position(ax.transData.inverted().transform(box.reshape(2, 2).mean(0)))
        taken = np.vstack([taken, box])
        texts.append(text)
    _, leaders = adjust_text(
        texts,
        target_x=[name.x for name in names],
        target_y=[name.y for name in names],
        objects=[box.transformed(ax.transData.inverted()) for box in avoided],
        avoid_self=False,
        expand=(1.05, 1.1),
        prevent_crossings=False,  # it swaps names without regard to their lengths
        force_explode=0.0,  # they have started apart
        pull_threshold=half.max() + FAR * pixels,
        min_arrow_len=half.max() + FAR * pixels,
        iter_lim=ITERATIONS,
        ax=ax,
        arrowprops=LEADER | {"shrinkB": float(min(size)) / 2},
    )
    for leader in leaders:
        leader.set_in_layout(False)


def start(
    text: Text,
    at: Float[np.ndarray, "2"],
    away: Float[np.ndarray, "2"],
    points: Float[np.ndarray, "point 2"],
    taken: Float[np.ndarray, "box 4"],
    lines: Float[np.ndarray, "place 2"],
    frame: Bbox,
) -> Float[np.ndarray, "4"]:
    """The emptiest box (left, low, right, high) of a name beside its point, in pixels.

    Parameters
    ----------
    text
        The name.
    at
        Its point.
    away
        From the point to the nearest edge of the name, across and upwards.
    points
        All points, to none of which the name should be nearer.
    taken
        Boxes of points, of what is written, and of the names before.
    lines
        Places along arrows and intervals.
    frame
        The panel.
    """
    extent = text.get_window_extent()
    half = np.array([extent.width, extent.height]) / 2
    centres = at + SIDES * (away + half)  # [side 2]
    boxes = np.hstack([centres - half, centres + half])  # [side 4]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    covers = ((low < taken[:, 2:]) & (taken[:, :2] < high)).all(-1).sum(1)
    crosses = ((low < lines) & (lines < high)).all(-1).sum(1)
    to_points = np.hypot(*np.maximum(low - points, points - high).clip(0).T).T
    mistaken = (to_points < np.hypot(*(away * SIDES).T)[:, None] - 0.1).sum(1)
    outside = ((boxes[:, :2] < frame.min) | (boxes[:, 2:] > frame.max)).any(1)
    return boxes[np.lexsort([crosses, mistaken, covers, outside])[0]]


def lines_of(ax: Axes, step: float) -> Float[np.ndarray, "place 2"]:
    """Places along the arrows and intervals of a panel, in pixels."""
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    paths = [arrow.get_path() for arrow in arrows]
    for collection in ax.collections:
        if isinstance(collection, LineCollection):
            paths += collection.get_paths()
    parts = [np.empty((0, 2))]
    parts += [
        np.linspace(first, last, 2 + int(np.hypot(*(last - first)) / step))
        for path in paths
        for line in ax.transData.transform_path(path).to_polygons(closed_only=False)
        for first, last in pairwise(line)
    ]
    return np.concatenate(parts)


def points_per_unit(ax: Axes) -> Float[np.ndarray, "2"]:
    """How many points one unit of the panel measures, across and upwards."""
    corner, other = ax.transData.transform([(0, 0), (1, 1)])
    return np.abs(other - corner) * 72 / ax.figure.dpi
