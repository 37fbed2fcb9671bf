"""Effects of every patch type in both directions: small multiples of layer by head."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.head_effects import effect_heatmap, strongest
from figures.style import DIRECTION_MARKERS, TEXT_WIDTH, effect_bar

PATCH_TYPES = ("output", "q", "k", "v", "pattern")

# Share of the scale from which a head is named: fainter cells can hardly be seen.
VISIBLE = 0.1


def draw(effects: pd.DataFrame, top: int = 3) -> tuple[Figure, pd.DataFrame]:
    """Effects of every patch type (columns) in both directions (rows)."""
    kinds = [kind for kind in PATCH_TYPES if kind in set(effects["patch_type"])]
    directions = [d for d in DIRECTION_MARKERS if d in set(effects["direction"])]
    if not kinds:
        raise ValueError("no effects of a known patch type to draw")
    shown = effects[effects["patch_type"].isin(kinds)]
    limit = shown["effect"].abs().max() or 1.0
    n_layers = shown["layer"].max() + 1
    fig, axes = plt.subplots(
        len(directions),
        len(kinds),
        figsize=(TEXT_WIDTH, 0.9 + len(directions) * 0.082 * max(n_layers, 16)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for line, direction in zip(axes, directions, strict=True):
        for ax, kind in zip(line, kinds, strict=True):
            chosen = (shown["direction"] == direction) & (shown["patch_type"] == kind)
            if chosen.any():
                panel = shown[chosen]
                visible = panel[panel["effect"].abs() >= VISIBLE * limit]
                effect_heatmap(
                    panel,
                    limit=limit,
                    named=strongest(visible, top),
                    names_beside=True,
                    ax=ax,
                )
            ax.set(xlabel="", ylabel="")
            ax.tick_params(labelsize=6.5)
            ax.set_xticks(range(0, shown["head"].max() + 1, 2))
            ax.set_yticks(range(0, n_layers, 4 if n_layers > 16 else 2))
        line[0].set_ylabel(f"{direction}\nlayer")
    for ax, kind in zip(axes[0], kinds, strict=True):
        ax.set_title(kind)
    for ax in axes[-1]:
        ax.set_xlabel("head")
    effect_bar(axes[0, 0].collections[0], axes, pad=0.01)
    columns = ["patch_type", "direction", "layer", "head", "effect"]
    return fig, shown[columns].sort_values(columns[:4])


if __name__ == "__main__":
    figure_command(draw)
