"""Clean and corrupt logit difference of every template."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.style import RUN_COLORS, TEXT_WIDTH

MARKERS = ("o", "^", "s", "v")  # one per order of the names: ABBA, BABA


def template_rows(behaviour: pd.DataFrame) -> pd.DataFrame:
    """Logit difference per template and run, with the template's order and number.

    A template named "BABA-03" is template 03 in the order BABA; any other name is a
    template of its own, in a single order.
    """
    rows = behaviour[behaviour["metric"] == "logit_diff"].copy()
    rows = rows[rows["group"] != "all"]
    if rows.empty:
        raise ValueError("behaviour has no logit_diff of single templates")
    parts = rows["group"].str.extract(r"^(?P<order>.+)-(?P<template>[^-]+)$")
    rows["order"] = parts["order"].fillna("prompt")
    rows["template"] = parts["template"].fillna(rows["group"])
    columns = ["template", "order", "run", "mean", "ci_low", "ci_high", "n_pairs"]
    return rows[columns].sort_values(columns[:3])


def order_markers(rows: pd.DataFrame) -> dict[str, str]:
    """A marker for each order of the names."""
    orders = sorted(rows["order"].unique())
    return {order: MARKERS[n % len(MARKERS)] for n, order in enumerate(orders)}


def behaviour_dots(
    rows: pd.DataFrame, *, overall: pd.DataFrame, ax: Axes | None = None
) -> Axes:
    """One line per template; a dot with its interval per run and order of the names.

    Parameters
    ----------
    rows
        Logit difference per template, order and run.
    overall
        The mean over all pairs of each run, with its interval: the bands behind.
    ax
        The panel to draw into; None is the current one.
    """
    ax = plt.gca() if ax is None else ax
    add_bands(ax, overall)
    templates, markers = sorted(rows["template"].unique()), order_markers(rows)
    place = {template: number for number, template in enumerate(templates)}
    shift = {
        order: 0.28 * (number - (len(markers) - 1) / 2)
        for number, order in enumerate(markers)
    }
    height = rows["template"].map(place) + rows["order"].map(shift)
    ax.hlines(
        height, rows["ci_low"], rows["ci_high"], colors=rows["run"].map(RUN_COLORS),
        linewidth=0.8,
    )  # fmt: skip
    sns.scatterplot(
        rows.assign(height=height), x="mean", y="height", hue="run", style="order",
        palette=RUN_COLORS, markers=markers, s=14, edgecolor="white", linewidth=0.3,
        zorder=3, legend=False, ax=ax,
    )  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.5, zorder=0)
    ax.set_yticks(range(len(templates)), templates)
    ax.set_ylim(len(templates) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel("logit difference (answer minus wrong answer)")
    ax.set_ylabel("template")
    return ax


def add_bands(ax: Axes, overall: pd.DataFrame) -> None:
    """A line at the mean of each run, and a band over its interval, if it has one."""
    for row in overall.itertuples():
        color = RUN_COLORS[row.run]
        if row.ci_low <= row.ci_high:
            ax.axvspan(row.ci_low, row.ci_high, color=color, alpha=0.13, linewidth=0)
        ax.axvline(row.mean, color=color, linewidth=0.7)


def draw(behaviour: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Clean and corrupt logit difference of every template."""
    rows = template_rows(behaviour)
    chosen = (behaviour["group"] == "all") & (behaviour["metric"] == "logit_diff")
    n_templates = rows["template"].nunique()
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.75 + 0.165 * max(n_templates, 8)))
    behaviour_dots(rows, overall=behaviour[chosen], ax=ax)
    handles = [
        Line2D([], [], color=color, linewidth=2, label=f"{run} run")
        for run, color in RUN_COLORS.items()
    ]
    handles += [
        Line2D([], [], linestyle="none", marker=marker, color="#888888", label=order)
        for order, marker in order_markers(rows).items()
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
