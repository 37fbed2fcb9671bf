"""Precision and recall of every role as the noise in planted models rises."""

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
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


def lines(data: pd.DataFrame, **_: Any) -> None:
    """One measure of one role by noise, a line per architecture, with intervals."""
    ax = plt.gca()
    ax.vlines(
        data["x"], data["low"], data["high"], colors=data["architecture"].map(COLORS),
        linewidth=0.7,
    )  # fmt: skip
    sns.lineplot(
        data, x="x", y="value", hue="architecture", palette=COLORS,
        style="architecture", markers=MARKERS, dashes=False, markersize=3,
        markeredgecolor="none", linewidth=0.7, estimator=None, errorbar=None,
        legend=False, ax=ax,
    )  # fmt: skip


def facets(rows: pd.DataFrame, roles: list[str]) -> sns.FacetGrid:
    """A row of panels per measure, a column per role, as wide as the text."""
    # FacetGrid lays out each figure that it makes; the style's layout comes after.
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        grid = sns.FacetGrid(
            rows, row="measure", col="role", row_order=MEASURES, col_order=roles,
            ylim=(-0.05, 1.05),
        )  # fmt: skip
    grid.figure.set_size_inches(TEXT_WIDTH, HEIGHT)
    grid.map_dataframe(lines)
    grid.figure.set_layout_engine("constrained")
    return grid


def draw(scores: pd.DataFrame, task: str = "ioi") -> tuple[Figure, pd.DataFrame]:
    """Precision (top) and recall (bottom) of a task's roles against the noise level."""
    scores = scores[scores["task"] == task]
    roles = role_order(scores["role"])
    levels = sorted(scores["noise"].unique())
    grid = facets(by_measure(scores), roles)
    fig = grid.figure
    grid.set_titles("").set_axis_labels("", "")
    grid.set(xticks=range(len(levels)))
    for ax in grid.axes.flat:
        ax.grid(axis="y")
        ax.tick_params(labelsize=SMALL)
    for ax in grid.axes[-1]:
        ax.set_xticklabels([f"{level:g}" for level in levels])
    for ax, measure in zip(grid.axes[:, 0], MEASURES, strict=True):
        ax.set_ylabel(measure)
    for ax, role in zip(grid.axes[0], roles, strict=True):
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
