"""Clean and corrupt logit difference of every template."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.style import RUN_COLORS, TEXT_WIDTH

ORDER_MARKERS = ("o", "^", "s", "v")  # one per name order: BABA, ABBA


def template_rows(behaviour: pd.DataFrame) -> pd.DataFrame:
    """Logit difference per template and run, with the template's order and number.

    A template named "BABA-03" is order BABA of template 03; any other name is its own
    template in a single order.
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


def behaviour_dots(
    rows: pd.DataFrame, overall: pd.DataFrame, *, ax: Axes | None = None
) -> Axes:
    """One line per template; a dot with its interval per run and name order.

    The band behind the dots is the interval of the mean over all pairs.
    """
    ax = plt.gca() if ax is None else ax
    templates = sorted(rows["template"].unique())
    place = {template: number for number, template in enumerate(templates)}
    orders = sorted(rows["order"].unique())
    for band in overall.itertuples():
        color = RUN_COLORS[band.run]
        if band.ci_low <= band.ci_high:  # not so without an interval
            ax.axvspan(band.ci_low, band.ci_high, color=color, alpha=0.13, linewidth=0)
        ax.axvline(band.mean, color=color, linewidth=0.7)
    for number, order in enumerate(orders):
        offset = 0.28 * (number - (len(orders) - 1) / 2)
        for run, color in RUN_COLORS.items():
            dots = rows[(rows["order"] == order) & (rows["run"] == run)]
            height = dots["template"].map(place).astype(float) + offset
            ax.hlines(
                height, dots["ci_low"], dots["ci_high"], color=color, linewidth=0.8
            )
            ax.scatter(
                dots["mean"],
                height,
                marker=ORDER_MARKERS[number % len(ORDER_MARKERS)],
                s=14,
                color=color,
                edgecolors="white",
                linewidths=0.3,
                zorder=3,
            )
    ax.axvline(0, color="black", linewidth=0.5, zorder=0)
    ax.set_yticks(range(len(templates)), templates)
    ax.set_ylim(len(templates) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel("logit difference (answer minus wrong answer)")
    ax.set_ylabel("template")
    return ax


def draw(behaviour: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Clean and corrupt logit difference of every template."""
    rows = template_rows(behaviour)
    chosen = (behaviour["group"] == "all") & (behaviour["metric"] == "logit_diff")
    n_templates = rows["template"].nunique()
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.75 + 0.165 * max(n_templates, 8)))
    behaviour_dots(rows, behaviour[chosen], ax=ax)
    handles = [
        Line2D([], [], color=color, linewidth=2, label=f"{run} run")
        for run, color in RUN_COLORS.items()
    ]
    handles += [
        Line2D([], [], linestyle="none", marker=marker, color="#555555", label=order)
        for order, marker in zip(
            sorted(rows["order"].unique()), ORDER_MARKERS, strict=False
        )
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
