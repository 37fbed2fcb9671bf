"""How well repeated random tokens are continued, by distance and number of copies."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH

METRICS = {
    "accuracy": "accuracy",
    "logit_diff": "logit difference",
}
# From light to dark: the more copies, the darker (a single hue, read by lightness).
COLORS = ("#9ecae1", "#4292c6", "#08519c", "#08306b", "#041b3d")
MARKERS = ("o", "s", "^", "D", "v")


def draw(repetition: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Accuracy and logit difference by distance, a line per number of copies."""
    copies = sorted(repetition["copies"].unique())
    distances = sorted(repetition["distance"].unique())
    fig, axes = plt.subplots(1, len(METRICS), figsize=(TEXT_WIDTH, 2.3), sharex=True)
    for ax, (metric, label) in zip(axes, METRICS.items(), strict=True):
        for number, count in enumerate(copies):
            chosen = (repetition["metric"] == metric) & (repetition["copies"] == count)
            rows = repetition[chosen].sort_values("distance")
            x = rows["distance"] * 1.06 ** (number - (len(copies) - 1) / 2)
            reach = [rows["mean"] - rows["ci_low"], rows["ci_high"] - rows["mean"]]
            ax.errorbar(
                x, rows["mean"], yerr=reach, color=COLORS[number % len(COLORS)],
                marker=MARKERS[number % len(MARKERS)], markersize=3.5, linewidth=0.8,
                label=f"{count} earlier" + (" copy" if count == 1 else " copies"),
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_xticks(distances, [str(distance) for distance in distances])
        ax.minorticks_off()
        ax.set_xlabel("tokens until they repeat")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    axes[0].set_ylim(-0.03, 1.03)
    axes[1].set_ylim(bottom=min(0.0, axes[1].get_ylim()[0]))
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(copies))
    columns = ["metric", "distance", "copies", "mean", "ci_low", "ci_high"]
    shown = repetition[repetition["metric"].isin(METRICS)]
    return fig, shown[[*columns, "n_sequences"]].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
