"""Effects along paths: from every head to the answer, and to heads found on the way."""

from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.axes import small_numbers
from figures.command import figure_command
from figures.heads import strongest
from figures.heatmaps import effect_bar, effect_heatmap, name_cells
from figures.style import TEXT_WIDTH
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
    n_layers, n_heads = shown["layer"].max() + 1, shown["head"].max() + 1
    fig, axes = plt.subplots(
        1,
        len(paths),
        figsize=(TEXT_WIDTH, 1.2 + 0.11 * max(n_layers, 16)),
        sharey=True,
        squeeze=False,
    )
    panels = [shown[shown["criterion"] == criterion] for criterion in paths]
    for ax, criterion, panel in zip(axes[0], paths, panels, strict=True):
        effect_heatmap(panel, limit=limit, ax=ax)
        small_numbers(ax, n_layers, n_heads)
        title = fill(path_target(criterion), 17 if len(paths) > 3 else 40)
        if panel["effect"].isna().all():
            title += "\n(no receivers)"
        ax.set_title(title)
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    effect_bar(axes[0, 0].collections[0], axes, label=PATH_EFFECT, pad=0.01)
    for ax, panel in zip(axes[0], panels, strict=True):
        name_cells(ax, strongest(panel[panel["important"] == 1], top))
    columns = ["criterion", "layer", "head", "effect", "ci_low", "ci_high"]
    return fig, shown[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
