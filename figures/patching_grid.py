"""Effects of every patch type in both directions: small multiples of layer by head."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures.axes import small_numbers
from figures.command import figure_command
from figures.heads import strongest
from figures.heatmaps import effect_bar, effect_heatmap, name_cells
from figures.style import TEXT_WIDTH
from head_patching.terms import DIRECTIONS, PATCH_TYPES

# Share of the scale from which a head is named: fainter cells can hardly be seen.
VISIBLE = 0.1


def draw(effects: pd.DataFrame, top: int = 3) -> tuple[Figure, pd.DataFrame]:
    """Effects of every patch type (columns) in both directions (rows)."""
    kinds = [name for name in PATCH_TYPES if name in set(effects["patch_type"])]
    directions = [name for name in DIRECTIONS if name in set(effects["direction"])]
    if not kinds:
        raise ValueError("no effects of a known patch type to draw")
    shown = effects[effects["patch_type"].isin(kinds)]
    limit = shown["effect"].abs().max() or 1.0
    n_layers, n_heads = shown["layer"].max() + 1, shown["head"].max() + 1
    fig, axes = plt.subplots(
        len(directions),
        len(kinds),
        figsize=(TEXT_WIDTH, 0.9 + len(directions) * 0.082 * max(n_layers, 16)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    panels = {}
    for (row, column), ax in np.ndenumerate(axes):
        chosen = (shown["direction"] == directions[row]) & (
            shown["patch_type"] == kinds[column]
        )
        if chosen.any():
            panels[ax] = shown[chosen]
            effect_heatmap(panels[ax], limit=limit, ax=ax)
            small_numbers(ax, n_layers, n_heads)
        ax.set(xlabel="", ylabel="")
    for ax, direction in zip(axes[:, 0], directions, strict=True):
        ax.set_ylabel(f"{direction}\nlayer")
    for ax, kind in zip(axes[0], kinds, strict=True):
        ax.set_title(PATCH_TYPES[kind].label)
    for ax in axes[-1]:
        ax.set_xlabel("head")
    effect_bar(axes[0, 0].collections[0], axes, pad=0.01)
    for ax, panel in panels.items():
        visible = panel[panel["effect"].abs() >= VISIBLE * limit]
        name_cells(ax, strongest(visible, top))
    columns = ["patch_type", "direction", "layer", "head", "effect", "confirmed"]
    return fig, shown[columns].sort_values(columns[:4])


if __name__ == "__main__":
    figure_command(draw)
