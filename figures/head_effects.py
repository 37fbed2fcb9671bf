"""Effect of patching each head's output: layer by head, denoising beside noising."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from figures.command import figure_command
from figures.style import (
    DIRECTION_TITLES,
    EFFECT_CMAP,
    TEXT_WIDTH,
    effect_bar,
    effect_name,
    head_axes,
    text_color,
)

# Width of a head's name beside a narrow panel's cells, as a share of the panel.
NAME_WIDTH = 0.24


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
    named: pd.DataFrame,
    names_beside: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Heat map of one patch type and direction, with the names of some of its rows.

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
    places = {head: (*head[::-1], "center") for head in heads_of(named)}
    if names_beside:
        places = places_beside(list(places), n_heads)
    for row in named.itertuples():
        if names_beside:  # a frame says whose name it is
            corner = row.head - 0.5, row.layer - 0.5
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, linewidth=0.5))
        x, y, side = places[row.layer, row.head]
        color = text_color(mesh.cmap(norm(row.effect)))
        ax.text(
            x, y, effect_name(row), ha=side, va="center_baseline", fontsize=5.5,
            color="black" if names_beside else color,
            path_effects=[withStroke(linewidth=1, foreground="white")] * names_beside,
        )  # fmt: skip
    return ax


def heads_of(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """The heads (layer, head) of a table's rows."""
    return list(zip(rows["layer"], rows["head"], strict=True))


def places_beside(
    heads: list[tuple[int, int]], n_heads: int
) -> dict[tuple[int, int], tuple[float, float, str]]:
    """Where a name stands beside its cell: x, y and alignment, strongest heads first.

    On the side with more room; else on the other, above or below, wherever it covers
    neither another name nor a named cell.
    """
    width = NAME_WIDTH * n_heads
    taken = [(head - 0.5, head + 0.5, float(layer)) for layer, head in heads]
    places = {}
    for layer, head in heads:
        right = (head + 0.65, head + 0.65 + width, "left")
        left = (head - 0.65 - width, head - 0.65, "right")
        sides = (right, left) if head < n_heads / 2 - 0.5 else (left, right)
        options = [(*side, layer + up) for up in (0, 1, -1, 2) for side in sides]
        start, end, side, y = next(
            (option for option in options if is_free(option, taken)), options[0]
        )
        taken.append((start, end, y))
        places[layer, head] = (start if side == "left" else end, y, side)
    return places


def is_free(
    option: tuple[float, float, str, float], taken: list[tuple[float, float, float]]
) -> bool:
    """Whether a name there would touch nothing that is already there."""
    start, end, _, y = option
    return not any(
        start < other_end and other_start < end and abs(y - other_y) < 1
        for other_start, other_end, other_y in taken
    )


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
    for ax, direction in zip(axes[0], directions, strict=True):
        panel = shown[shown["direction"] == direction]
        effect_heatmap(panel, limit=limit, named=strongest(panel, top), ax=ax)
        ax.set_title(DIRECTION_TITLES[direction])
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    effect_bar(axes[0, 0].collections[0], axes, aspect=40, pad=0.01)
    columns = ["direction", "layer", "head", "effect"]
    return fig, shown[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
