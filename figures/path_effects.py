"""Effects along paths: from every head to the answer, and to heads found on the way."""

from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.head_effects import effect_heatmap, strongest
from figures.style import TEXT_WIDTH, effect_bar
from head_patching.reporting.tabular import path_target, paths_among

PATH_EFFECT = "effect: share of the logit difference that the tracing corruption makes"


def draw(evidence: pd.DataFrame, top: int = 4) -> tuple[Figure, pd.DataFrame]:
    """Effect of patching the path from every head to each kind of receiver."""
    paths = paths_among(evidence["criterion"])
    shown = evidence[evidence["criterion"].isin(paths)]
    if shown.empty:
        raise ValueError("evidence has no effects along paths")
    shown = shown.rename(columns={"value": "effect"})
    limit = shown["effect"].abs().max() or 1.0
    n_layers = shown["layer"].max() + 1
    fig, axes = plt.subplots(
        1,
        len(paths),
        figsize=(TEXT_WIDTH, 1.2 + 0.11 * max(n_layers, 16)),
        sharey=True,
        squeeze=False,
    )
    axes = axes[0]
    for ax, criterion in zip(axes, paths, strict=True):
        title = fill(path_target(criterion), 17 if len(paths) > 3 else 40)
        panel = shown[shown["criterion"] == criterion]
        named = strongest(panel[panel["important"] == 1], top)
        effect_heatmap(panel, limit=limit, named=named, names_beside=True, ax=ax)
        if panel["effect"].isna().all():
            title += "\n(no receivers)"
        ax.set_title(title)
        ax.tick_params(labelsize=6.5)
        ax.set_xticks(range(0, shown["head"].max() + 1, 2))
        ax.set_yticks(range(0, n_layers, 4 if n_layers > 16 else 2))
    for ax in axes[1:]:
        ax.set_ylabel("")
    effect_bar(axes[0].collections[0], axes, PATH_EFFECT, pad=0.01)
    columns = ["criterion", "layer", "head", "effect", "ci_low", "ci_high"]
    return fig, shown[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
