"""Arrows of the circuit: from a head, or from a group, to what it acts on."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

HELPS, HINDERS = "#B2182B", "#2166AC"  # the ends of the diverging scale of effects
WIDTHS = (0.5, 3.0)  # points, of the smallest and the largest effect
FORK = 0.4  # share of the way from the receivers back to the sender
JOIN = 0.35  # share of the way from a group to its receivers where its lines meet

Place = tuple[float, float]


def look(value: float, largest: float) -> dict:
    """The colour of the sign of an effect, and the width of its size, in points."""
    share = abs(value) / largest if largest else 0.0
    width = WIDTHS[0] + share * (WIDTHS[1] - WIDTHS[0])
    return {"color": HELPS if value > 0 else HINDERS, "linewidth": width}


def add_arrow(
    ax: Axes, start: Place, end: Place, *, head: bool = True, near: float = 0, **line
) -> None:
    """A line between two places, with an arrow's head or without.

    Parameters
    ----------
    ax
        The panel.
    start, end
        Where the line is from, and where it leads.
    head
        Whether it ends in an arrow's head.
    near
        Bend of the line, as a share of its length.
    line
        Colour, width, and how far from both ends it stops, in points.
    """
    size = 6 + line["linewidth"] if head else 1
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>" if head else "-", mutation_scale=size,
            connectionstyle=f"arc3,rad={near}", alpha=0.75, zorder=2, **line,
        )
    )  # fmt: skip


def add_path(ax: Axes, start: Place, ends: Sequence[Place], **line) -> None:
    """An arrow from a sender; to several receivers, a trunk that divides before them.

    The effect was measured for all receivers together: only the trunk has its width.

    Parameters
    ----------
    ax
        The panel.
    start
        Where the sender is.
    ends
        Where the receivers are.
    line
        Colour of the sign of the effect, and its width in points (`look`).
    """
    if len(ends) == 1:
        add_arrow(ax, start, ends[0], near=0.06, shrinkA=3, shrinkB=4, **line)
        return
    fork = FORK * np.array(start) + (1 - FORK) * np.mean(ends, axis=0)
    add_arrow(ax, start, fork, head=False, shrinkA=3, shrinkB=0, **line)
    thin = line | {"linewidth": WIDTHS[0]}
    for end in ends:
        add_arrow(ax, fork, end, near=0.06, shrinkA=0, shrinkB=4, **thin)


def add_group(
    ax: Axes, starts: Sequence[Place], ends: Sequence[Place], **line
) -> Place:
    """One arrow from several senders; the place of the square where their lines meet.

    The effect was measured for all senders together: only what leads on from the square
    has its width.

    Parameters
    ----------
    ax
        The panel.
    starts, ends
        Where the senders and the receivers are.
    line
        Colour of the sign of the joint effect, and its width in points (`look`).
    """
    first, last = np.mean(starts, axis=0), np.mean(ends, axis=0)
    x, y = ((1 - JOIN) * first + JOIN * last).tolist()
    thin = line | {"linewidth": WIDTHS[0]}
    for start in starts:
        add_arrow(ax, start, (x, y), head=False, shrinkA=3, shrinkB=0, **thin)
    add_path(ax, (x, y), ends, **line)
    ax.scatter(x, y, marker="s", s=22, color=line["color"], linewidths=0, zorder=3)
    return x, y
