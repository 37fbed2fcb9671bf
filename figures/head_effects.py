"""Effect of patching each head's output: layer by head, denoising beside noising."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heads import strongest
from figures.heatmaps import effect_bar, effect_heatmap, name_cells
from figures.style import DIRECTION_TITLES, TEXT_WIDTH


def draw(effects: pd.DataFrame, top: int = 10) -> tuple[Figure, pd.DataFrame]:
    """Effect of patching each head's output, in both directions."""
    shown = effects[effects["patch_type"] == "output"]
    directions = [d for d in DIRECTION_TITLES if d in set(shown["direction"])]
    if not directions:
        raise ValueError("no effects of patch type 'output' to draw")
    limit = shown["effect"].abs().max() or 1.0
    n_layers = shown["layer"].max() + 1
    fig, axes = plt.subplots(
        1,
        len(directions),
        figsize=(TEXT_WIDTH, 1.0 + 0.13 * max(n_layers, 12)),
        sharey=True,
        squeeze=False,
    )
    panels = [shown[shown["direction"] == direction] for direction in directions]
    for ax, direction, panel in zip(axes[0], directions, panels, strict=True):
        effect_heatmap(panel, limit=limit, ax=ax)
        ax.set_title(DIRECTION_TITLES[direction])
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    effect_bar(axes[0, 0].collections[0], axes, pad=0.01)
    for ax, panel in zip(axes[0], panels, strict=True):
        name_cells(ax, strongest(panel, top))
    columns = ["direction", "layer", "head", "effect"]
    return fig, shown[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
