"""Names of points: each starts on the emptiest side, and adjustText moves them apart.

A thin line leads to a name that is not right beside its point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
MISTAKEN = 4  # places of a line are as bad as a name nearer to another point

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


@dataclass(frozen=True)
class Obstacles:
    """What a name may not cover, in pixels.

    Parameters
    ----------
    boxes
        Left, low, right and high end of each point and each text.
    lines
        Places along arrows and intervals.
    frame
        The panel.
    """

    boxes: Float[np.ndarray, "box 4"]
    lines: Float[np.ndarray, "place 2"]
    frame: Bbox


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
        All points of the panel, with a name or not, in its units.
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
    obstacles = obstacles_of(ax, points, half)
    texts = start_names(ax, names, obstacles, half, fontsize)
    to_units = ax.transData.inverted()
    _, leaders = adjust_text(
        texts,
        target_x=[name.x for name in names],
        target_y=[name.y for name in names],
        objects=[Bbox.from_extents(*b).transformed(to_units) for b in obstacles.boxes],
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


def obstacles_of(
    ax: Axes, points: Float[np.ndarray, "point 2"], half: Float[np.ndarray, "2"]
) -> Obstacles:
    """What names may not cover, given half the size of a point in pixels."""
    centres = ax.transData.transform(points)
    written = [text.get_window_extent().extents for text in ax.texts]
    return Obstacles(
        boxes=np.vstack([np.hstack([centres - half, centres + half]), *written]),
        lines=lines_of(ax, STEP * ax.figure.dpi / 72),
        frame=ax.get_window_extent(),
    )


def start_names(
    ax: Axes,
    names: Sequence[Name],
    obstacles: Obstacles,
    half: Float[np.ndarray, "2"],
    fontsize: float,
) -> list[Text]:
    """Write each name on the emptiest side of its point.

    Parameters
    ----------
    ax
        The panel.
    names
        What to write, of which the first choose first.
    obstacles
        What they may not cover.
    half
        Half the size of a point, in pixels.
    fontsize
        Of the names, in points.
    """
    texts = []
    for name in names:
        text = ax.text(
            name.x, name.y, name.text, fontsize=fontsize, color=name.color,
            ha="center", va="center", zorder=6,
            path_effects=[withStroke(linewidth=1.2, foreground="white")],
        )  # fmt: skip
        text.set_in_layout(False)
        box = emptiest_side(text, half, obstacles)
        middle = box.reshape(2, 2).mean(axis=0)
        text.set_position(ax.transData.inverted().transform(middle))
        obstacles = replace(obstacles, boxes=np.vstack([obstacles.boxes, box]))
        texts.append(text)
    return texts


def emptiest_side(
    text: Text, half: Float[np.ndarray, "2"], obstacles: Obstacles
) -> Float[np.ndarray, "4"]:
    """The best box of a name that is still centred on its point, in pixels.

    In the panel before all, then without covering anything, then away from lines and
    from what it could be taken for the name of.
    """
    gap = GAP * text.figure.dpi / 72
    extent = text.get_window_extent()
    size = np.array([extent.width, extent.height])
    at = extent.get_points().mean(axis=0)
    centres = at + SIDES * (half + gap + size / 2)  # [side 2]
    boxes = np.hstack([centres - size / 2, centres + size / 2])  # [side 4]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]  # [side 1 2]
    other_low, other_high = obstacles.boxes[:, :2], obstacles.boxes[:, 2:]
    distance = np.linalg.norm(
        np.maximum(low - other_high, other_low - high).clip(0), axis=-1
    )  # [side box]
    covers = (distance == 0).sum(axis=1)
    own = gap * np.linalg.norm(SIDES, axis=1)
    mistaken = (distance < own[:, None] - 0.1).sum(axis=1)
    lines = obstacles.lines
    crosses = ((low < lines) & (lines < high)).all(-1).sum(axis=1)
    frame = obstacles.frame
    outside = ((boxes[:, :2] < frame.min) | (boxes[:, 2:] > frame.max)).any(axis=1)
    worst_last = np.lexsort([MISTAKEN * mistaken + crosses, covers, outside])
    return boxes[worst_last[0]]


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
