"""Precision and recall of every role as the noise in planted models rises."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH, role_order
from head_patching.reporting.validation import ARCHITECTURES

MEASURES = ("precision", "recall")
# Paul Tol's "high-contrast" scheme, as for the runs (see figures.style).
COLORS = {"gpt2": "#004488", "llama": "#BB5566"}
MARKERS = {"gpt2": "o", "llama": "s"}


def draw(scores: pd.DataFrame, task: str = "ioi") -> tuple[Figure, pd.DataFrame]:
    """Precision (top) and recall (bottom) of a task's roles against the noise level."""
    scores = scores[scores["task"] == task]
    roles = role_order(scores["role"])
    levels = sorted(scores["noise"].unique())
    place = {level: number for number, level in enumerate(levels)}
    fig, axes = plt.subplots(
        2, len(roles), figsize=(TEXT_WIDTH, 2.7), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for line, measure in zip(axes, MEASURES, strict=True):
        for ax, role in zip(line, roles, strict=True):
            for number, architecture in enumerate(COLORS):
                chosen = (scores["role"] == role) & (
                    scores["architecture"] == architecture
                )
                rows = scores[chosen].sort_values("noise").dropna(subset=[measure])
                if rows.empty:
                    continue
                x = rows["noise"].map(place) + 0.2 * (number - 0.5)
                reach = [
                    rows[measure] - rows[f"{measure}_low"],
                    rows[f"{measure}_high"] - rows[measure],
                ]
                ax.errorbar(
                    x, rows[measure], yerr=reach, color=COLORS[architecture],
                    marker=MARKERS[architecture], markersize=3, linewidth=0.7,
                    label=ARCHITECTURES[architecture],
                )  # fmt: skip
            ax.set_ylim(-0.05, 1.05)
            ax.grid(axis="y")
            ax.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
            ax.tick_params(labelsize=6.5)
        line[0].set_ylabel(measure)
    for ax, role in zip(axes[0], roles, strict=True):
        ax.set_title(role.replace(" ", "\n", 1), fontsize=7.5)
    fig.supxlabel("noise", fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper right", ncols=2)
    columns = ["architecture", "noise", "role", "tp", "fp", "fn"]
    columns += [f"{m}{end}" for m in MEASURES for end in ("", "_low", "_high")]
    return fig, scores[columns]


if __name__ == "__main__":
    figure_command(draw)
