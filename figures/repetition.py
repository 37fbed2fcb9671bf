"""How well repeated random tokens are continued, by distance and number of copies."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH

METRICS = {"accuracy": "accuracy", "logit_diff": "logit difference"}
# From light to dark: the more copies, the darker (a single hue, read by lightness).
COLORS = ("#9ecae1", "#4292c6", "#08519c", "#08306b", "#041b3d")
MARKERS = ("o", "s", "^", "D", "v")
APART = 1.06  # factor between the dots of one distance, on the logarithmic axis


def copies_name(copies: int) -> str:
    """What the legend calls a number of copies."""
    return f"{copies} earlier " + ("copy" if copies == 1 else "copies")


def metric_lines(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One metric by distance, a line per number of copies, with its intervals."""
    ax = plt.gca() if ax is None else ax
    copies = {count: number for number, count in enumerate(sorted(set(rows["copies"])))}
    number = rows["copies"].map(copies)
    colors = {count: COLORS[n % len(COLORS)] for count, n in copies.items()}
    shifted = rows.assign(
        x=rows["distance"] * APART ** (number - (len(copies) - 1) / 2)
    )
    ax.vlines(
        shifted["x"], rows["ci_low"], rows["ci_high"],
        colors=rows["copies"].map(colors), linewidth=0.8,
    )  # fmt: skip
    sns.lineplot(
        shifted, x="x", y="mean", hue="copies", style="copies", palette=colors,
        markers={count: MARKERS[n % len(MARKERS)] for count, n in copies.items()},
        dashes=False, markersize=3.5, markeredgecolor="none", linewidth=0.8,
        estimator=None, errorbar=None, ax=ax,
    )  # fmt: skip
    distances = sorted(set(rows["distance"]))
    ax.set_xscale("log", base=2)
    ax.set_xticks(distances, distances)
    ax.minorticks_off()
    ax.set_xlabel("tokens until they repeat")
    ax.grid(axis="y")
    return ax


def draw(repetition: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Accuracy and logit difference by distance, a line per number of copies."""
    fig, axes = plt.subplots(1, len(METRICS), figsize=(TEXT_WIDTH, 2.3), sharex=True)
    for ax, (metric, label) in zip(axes, METRICS.items(), strict=True):
        metric_lines(repetition[repetition["metric"] == metric], ax=ax)
        ax.set_ylabel(label)
    axes[0].set_ylim(-0.03, 1.03)
    axes[1].set_ylim(bottom=min(0.0, axes[1].get_ylim()[0]))
    handles, labels = axes[0].get_legend_handles_labels()
    for ax in axes:
        ax.get_legend().remove()
    names = [copies_name(int(count)) for count in labels]
    fig.legend(handles, names, loc="outside upper center", ncols=len(names))
    columns = ["metric", "distance", "copies", "mean", "ci_low", "ci_high"]
    shown = repetition[repetition["metric"].isin(METRICS)]
    return fig, shown[[*columns, "n_sequences"]].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
