"""At which position a head's output matters: the strongest heads by position."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heatmaps import effect_bar, table_heatmap
from figures.style import DIRECTION_TITLES, EFFECT_CMAP, TEXT_WIDTH
from head_patching.terms import head_name


def strongest_heads(effects: pd.DataFrame, top: int) -> list[tuple[int, int]]:
    """The heads with the largest effect at any one position, by layer and head."""
    size = effects.assign(size=effects["effect"].abs())
    size = size.groupby(["layer", "head"], as_index=False)["size"].max()
    size = size.sort_values(["size", "layer", "head"], ascending=[False, True, True])
    return sorted(size.head(top)[["layer", "head"]].itertuples(index=False, name=None))


def effect_number(effect: float) -> str:
    """An effect with two digits and its sign; nothing where both digits are zero."""
    if not round(effect, 2):
        return ""
    return f"{effect:+.2f}".replace("-", "\N{MINUS SIGN}")


def position_heatmap(
    effects: pd.DataFrame, *, limit: float, ax: Axes | None = None
) -> Axes:
    """Heads by positions of one direction, the lowest layer at the bottom."""
    positions = list(dict.fromkeys(effects["position"]))
    table = effects.pivot(index=["layer", "head"], columns="position", values="effect")[
        positions
    ].iloc[::-1]
    table.index = [head_name(*head) for head in table.index]
    ax = table_heatmap(
        table, norm=Normalize(-limit, limit), written=table.map(effect_number),
        cmap=EFFECT_CMAP, ax=ax,
    )  # fmt: skip
    ax.set(xlabel="position patched", ylabel="")
    return ax


def draw(
    effects_by_position: pd.DataFrame, top: int = 16
) -> tuple[Figure, pd.DataFrame]:
    """Effects of the strongest heads' output at each position, in both directions.

    Of the heads that were patched: estimates of others are left out.
    """
    exact = effects_by_position[effects_by_position["confirmed"] == 1]
    heads = strongest_heads(exact, top)
    keys = pd.MultiIndex.from_frame(exact[["layer", "head"]])
    shown = exact[keys.isin(heads)]
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
    effect_bar(axes[0, 0].collections[0], axes)
    columns = ["direction", "layer", "head", "position", "effect", "ci_low", "ci_high"]
    return fig, shown[columns]


if __name__ == "__main__":
    figure_command(draw)
