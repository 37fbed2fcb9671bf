"""Precision and recall of every role as the noise in planted models rises."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.heads import role_order
from figures.style import SMALL, TEXT_WIDTH
from head_patching.reporting.validation import ARCHITECTURES, MEASURES

# Paul Tol's "vibrant" scheme (source: figures.style): neither red nor blue, which say
# the sign of an effect.
COLORS = dict(zip(ARCHITECTURES, ("#009988", "#EE7733"), strict=True))
MARKERS = dict(zip(ARCHITECTURES, "os", strict=True))
APART = 0.2  # between the architectures; noise levels are 1 apart
HEIGHT = 2.7  # inches


def by_measure(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per measure: its value and interval; x is the place of the noise level."""
    levels = sorted(scores["noise"].unique())
    shift = {
        name: APART * (number - (len(ARCHITECTURES) - 1) / 2)
        for number, name in enumerate(ARCHITECTURES)
    }
    x = scores["noise"].map(levels.index) + scores["architecture"].map(shift)
    ends = {"": "value", "_low": "low", "_high": "high"}
    return pd.concat(
        [
            scores.assign(
                measure=measure,
                x=x,
                **{name: scores[f"{measure}{end}"] for end, name in ends.items()},
            )
            for measure in MEASURES
        ],
        ignore_index=True,
    ).dropna(subset=["value"])


def lines(data: pd.DataFrame, *, ax: Axes) -> None:
    """One measure of one role by noise, a line per architecture, with intervals."""
    ax.vlines(
        data["x"], data["low"], data["high"], colors=data["architecture"].map(COLORS),
        linewidth=0.7,
    )  # fmt: skip
    for architecture, color in COLORS.items():
        line = data[data["architecture"] == architecture].sort_values("x")
        ax.plot(
            line["x"], line["value"], color=color, marker=MARKERS[architecture],
            markersize=3, markeredgecolor="none", markeredgewidth=0.75,
            linewidth=0.7,
        )  # fmt: skip


def draw(scores: pd.DataFrame, task: str = "ioi") -> tuple[Figure, pd.DataFrame]:
    """Precision (top) and recall (bottom) of a task's roles against the noise level."""
    scores = scores[scores["task"] == task]
    roles = role_order(scores["role"])
    levels = sorted(scores["noise"].unique())
    rows = by_measure(scores)
    fig, axes = plt.subplots(
        len(MEASURES), len(roles), figsize=(TEXT_WIDTH, HEIGHT), sharex=True,
        sharey=True, squeeze=False,
    )  # fmt: skip
    for (row, column), ax in np.ndenumerate(axes):
        is_shown = rows["measure"] == MEASURES[row]
        lines(rows[is_shown & (rows["role"] == roles[column])], ax=ax)
        ax.grid(axis="y")
        ax.tick_params(labelsize=SMALL)
    axes[0, 0].set_ylim(-0.05, 1.05)
    axes[0, 0].set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    for ax, measure in zip(axes[:, 0], MEASURES, strict=True):
        ax.set_ylabel(measure)
    for ax, role in zip(axes[0], roles, strict=True):
        ax.set_title(role.replace(" ", "\n", 1), fontsize=7.5)
    fig.supxlabel("noise", fontsize=9)
    handles = [
        Line2D(
            [], [], color=COLORS[name], marker=MARKERS[name], markersize=3, label=label
        )
        for name, label in ARCHITECTURES.items()
        if name in set(scores["architecture"])
    ]
    fig.legend(handles=handles, loc="outside upper right", ncols=2)
    columns = ["architecture", "noise", "role", "tp", "fp", "fn"]
    columns += [f"{m}{end}" for m in MEASURES for end in ("", "_low", "_high")]
    return fig, scores[columns]


if __name__ == "__main__":
    figure_command(draw)
