"""Recall and precision of every role, by redundancy and by noise of planted models."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.heads import role_order
from figures.style import SMALL, TEXT_WIDTH
from head_patching.reporting.validation import MEASURES, redundancies
from head_patching.terms import SHARED

# Paul Tol's "vibrant" scheme (source: figures.style): neither red nor blue, which say
# the sign of an effect. By redundancy, from shared jobs on.
COLORS = ("#009988", "#888888", "#EE7733", "#EE3377")
MARKERS = "osD^"
APART = 0.18  # between redundancies at one noise level; levels are 1 apart
HEIGHT = 4.8  # inches


def by_redundancy(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores at the default noise; x is the place of the redundancy."""
    shown = scores[scores["is_default"] == 1]
    places = redundancies(scores)
    return shown.assign(x=shown["redundancy"].map(places.index))


def by_noise(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of redundancies at several levels; x is the place of the level.

    Of a single level, all scores.
    """
    n_levels = scores.groupby("redundancy")["noise"].nunique()
    shown = scores[scores["redundancy"].map(n_levels) == n_levels.max()]
    levels, beside = sorted(shown["noise"].unique()), redundancies(shown)
    shift = {kind: APART * (n - (len(beside) - 1) / 2) for n, kind in enumerate(beside)}
    x = shown["noise"].map(levels.index) + shown["redundancy"].map(shift)
    return shown.assign(x=x)


def lines(ax: plt.Axes, rows: pd.DataFrame, measure: str, every: Sequence[str]) -> None:
    """One measure of one role: a line for each redundancy, with intervals."""
    for kind, of_kind in rows.dropna(subset=[measure]).groupby("redundancy"):
        number, of_kind = every.index(kind), of_kind.sort_values("x")
        ends = of_kind[f"{measure}_low"], of_kind[f"{measure}_high"]
        ax.vlines(of_kind["x"], *ends, colors=COLORS[number], linewidth=0.9)
        ax.plot(
            of_kind["x"], of_kind[measure], color=COLORS[number], linewidth=0.7,
            marker=MARKERS[number], markersize=3.5, markeredgecolor="none",
        )  # fmt: skip


def half(
    fig: SubFigure,
    rows: pd.DataFrame,
    every: Sequence[str],
    ticks: Sequence[str],
    label: str,
) -> None:
    """A row of panels for each measure, a column for each role.

    Parameters
    ----------
    rows
        Scores of one task, with their place x.
    every
        All redundancies, which say the colors.
    ticks, label
        What stands below the places, and below all panels.
    """
    roles = role_order(rows["role"])
    axes = fig.subplots(len(MEASURES), len(roles), sharex=True, sharey=True)
    for measure, line in zip(MEASURES, axes, strict=True):
        line[0].set_ylabel(measure)
        for role, ax in zip(roles, line, strict=True):
            lines(ax, rows[rows["role"] == role], measure, every)
            ax.set(xlim=(-0.6, len(ticks) - 0.4), ylim=(-0.05, 1.05))
            ax.set_xticks(range(len(ticks)), ticks)
            ax.tick_params(labelsize=SMALL)
            ax.grid(axis="y")
    for role, ax in zip(roles, axes[0], strict=True):
        ax.set_title(role.replace(" ", "\n", 1), fontsize=7.5)
    fig.supxlabel(label, fontsize=9)


def draw(pooled_scores: pd.DataFrame, task: str = "ioi") -> tuple[Figure, pd.DataFrame]:
    """Recall and precision of a task's roles against redundancy, and against noise."""
    scores = pooled_scores[pooled_scores["task"] == task]
    every, levels = redundancies(scores), sorted(scores["noise"].unique())
    noisy = by_noise(scores)
    fig = plt.figure(figsize=(TEXT_WIDTH, HEIGHT))
    top, bottom = fig.subfigures(2, 1)
    # The word is wider than a panel has room for beside the numbers.
    names = [name if name != SHARED else "sh." for name in every]
    labels = ["shared jobs" if k == SHARED else f"redundancy {k}" for k in every]
    half(top, by_redundancy(scores), every, names, "redundancy (sh.: shared jobs)")
    half(bottom, noisy, every, [f"{level:g}" for level in levels], "noise")
    handles = [
        Line2D([], [], color=COLORS[n], marker=MARKERS[n], markersize=3.5, label=label)
        for n, (kind, label) in enumerate(zip(every, labels, strict=True))
        if kind in {*noisy["redundancy"]}
    ]
    bottom.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    columns = ["noise", "redundancy", "role", "tp", "fp", "fn"]
    columns += [f"{m}{end}" for m in MEASURES for end in ("", "_low", "_high")]
    return fig, scores[columns]


if __name__ == "__main__":
    figure_command(draw)
