"""Effect of patching each head's output: layer by head, denoising beside noising."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import (
    DIRECTION_TITLES,
    EFFECT_CMAP,
    TEXT_WIDTH,
    effect_name,
    finish_effect_bar,
    head_axes,
    text_color,
)


def effect_grid(effects: pd.DataFrame) -> np.ndarray:
    """Effects of one patch type and direction as an array of layer by head."""
    return effects.pivot(index="layer", columns="head", values="effect").to_numpy()


def strongest(effects: pd.DataFrame, top: int) -> pd.DataFrame:
    """The heads of largest absolute effect; ties broken by layer, then head."""
    order = effects.assign(size=effects["effect"].abs())
    order = order.sort_values(
        ["size", "layer", "head"], ascending=[False, True, True], kind="stable"
    )
    return order.head(top).drop(columns="size")


def effect_heatmap(
    effects: pd.DataFrame,
    *,
    limit: float,
    top: int = 10,
    names_beside: bool = False,
    only_important: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Heat map of one patch type and direction, its strongest heads named.

    A dot marks a cell whose effect is an estimate.
    Colours run from -limit to +limit, so that panels of one figure can share them.
    Names stand in the cells, or beside them where cells are too narrow for a name.
    """
    ax = plt.gca() if ax is None else ax
    grid = effect_grid(effects)
    norm = Normalize(-limit, limit)
    n_layers, n_heads = grid.shape
    mesh = ax.pcolormesh(
        np.arange(n_heads + 1) - 0.5,
        np.arange(n_layers + 1) - 0.5,
        grid,
        cmap=EFFECT_CMAP,
        norm=norm,
        edgecolors="white",
        linewidth=0.3,
    )
    head_axes(ax, n_layers, n_heads)
    if "confirmed" in effects:
        estimates = effects[effects["confirmed"] == 0]
        ax.scatter(estimates["head"], estimates["layer"], s=1, color="#666666")
    named = strongest(effects, top)
    if only_important:
        named = named[named["important"] == 1]
    for row in named.itertuples():
        name, color = effect_name(row), "black"
        x, side = row.head, "center"
        if names_beside:
            x, side = (
                (x + 0.65, "left") if x < n_heads / 2 - 0.5 else (x - 0.65, "right")
            )
        else:
            color = text_color(mesh.cmap(norm(row.effect)))
        ax.text(
            x, row.layer, name, ha=side, va="center_baseline", fontsize=5.5, color=color
        )
    return ax


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
        figsize=(TEXT_WIDTH, 1.0 + 0.155 * max(n_layers, 12)),
        sharey=True,
        squeeze=False,
    )
    for ax, direction in zip(axes[0], directions, strict=True):
        panel = shown[shown["direction"] == direction]
        effect_heatmap(panel, limit=limit, top=top, ax=ax)
        ax.set_title(DIRECTION_TITLES[direction])
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    bar = fig.colorbar(
        axes[0, 0].collections[0],
        ax=axes,
        location="bottom",
        shrink=0.6,
        aspect=40,
        pad=0.01,
    )
    finish_effect_bar(bar)
    columns = ["direction", "layer", "head", "effect"]
    return fig, shown[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
