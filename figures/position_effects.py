"""At which position a head's output matters: the strongest heads by position."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import (
    DIRECTION_TITLES,
    EFFECT_CMAP,
    TEXT_WIDTH,
    effect_bar,
    text_color,
)
from head_patching.terms import head_name


def strongest_heads(effects: pd.DataFrame, top: int) -> list[tuple[int, int]]:
    """The heads with the largest effect at any one position, by layer and head."""
    size = effects.assign(size=effects["effect"].abs())
    size = size.groupby(["layer", "head"], as_index=False)["size"].max()
    size = size.sort_values(["size", "layer", "head"], ascending=[False, True, True])
    return sorted(size.head(top)[["layer", "head"]].itertuples(index=False, name=None))


def position_heatmap(
    effects: pd.DataFrame, *, limit: float, ax: Axes | None = None
) -> Axes:
    """Heads by positions of one direction, the effect written into each cell."""
    ax = plt.gca() if ax is None else ax
    names = list(dict.fromkeys(effects["position"]))
    table = effects.pivot(
        index=["layer", "head"], columns="position", values="effect"
    ).reindex(columns=names)
    image = ax.imshow(
        table, cmap=EFFECT_CMAP, vmin=-limit, vmax=limit, aspect="auto", origin="lower"
    )
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        if round(value, 2):
            color = text_color(image.cmap(image.norm(value)))
            ax.text(
                column,
                row,
                f"{value:+.2f}".replace("-", "\N{MINUS SIGN}"),
                ha="center",
                va="center_baseline",
                fontsize=6.5,
                color=color,
            )
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(
        range(len(table)), [head_name(*head) for head in table.index.tolist()]
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("position patched")
    return ax


def draw(
    effects_by_position: pd.DataFrame, top: int = 16
) -> tuple[Figure, pd.DataFrame]:
    """Effects of the strongest heads' output at each position, in both directions."""
    heads = strongest_heads(effects_by_position, top)
    keys = pd.MultiIndex.from_frame(effects_by_position[["layer", "head"]])
    shown = effects_by_position[keys.isin(heads)]
    limit = shown["effect"].abs().max() or 1.0
    directions = [d for d in DIRECTION_TITLES if d in set(shown["direction"])]
    fig, axes = plt.subplots(
        1,
        len(directions),
        figsize=(TEXT_WIDTH, 0.9 + 0.165 * len(heads)),
        sharey=True,
        squeeze=False,
    )
    for ax, direction in zip(axes[0], directions, strict=True):
        position_heatmap(shown[shown["direction"] == direction], limit=limit, ax=ax)
        ax.set_title(DIRECTION_TITLES[direction])
    effect_bar(axes[0, 0].images[0], axes)
    columns = ["direction", "layer", "head", "position", "effect", "ci_low", "ci_high"]
    return fig, shown[columns]


if __name__ == "__main__":
    figure_command(draw)
