"""Attention of a few heads on one prompt, token by token."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH, UNDECIDED_ROLES, role_color
from head_patching.terms import head_name

COLUMNS = 2


def attention_panel(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One head: queries by keys, named positions marked at the right.

    Without the first token, where a head's attention rests that finds nothing: beside
    it all else would be pale.
    """
    ax = plt.gca() if ax is None else ax
    rows = rows[rows["key_pos"] > 0]
    n = rows["query_pos"].max() + 1
    grid = np.full((n, n), np.nan)
    grid[rows["query_pos"], rows["key_pos"]] = rows["attention"]
    grid, edges = grid[1:, 1:], np.arange(n) + 0.5
    ax.pcolormesh(
        edges, edges, grid, cmap="Greys", vmin=0, vmax=1, edgecolors="#eeeeee",
        linewidth=0.2,
    )  # fmt: skip
    queries = rows.drop_duplicates("query_pos").sort_values("query_pos")
    words = [token.strip() or "␣" for token in queries["query_token"].astype(str)]
    size = 5.5 if n <= 20 else 4.5
    ax.set_xticks(range(1, n), words, rotation=90, fontsize=size)
    ax.set_yticks(range(1, n), words, fontsize=size)
    for query in queries[queries["position"] != ""].itertuples():
        ax.text(
            n - 0.2, query.query_pos, query.position, fontsize=size,
            va="center_baseline", color="#555555",
        )  # fmt: skip
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.tick_params(length=0, pad=1)
    ax.spines[:].set_visible(False)
    return ax


def draw(attention_examples: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Attention of the strongest head of each role on one clean prompt."""
    heads = attention_examples[["layer", "head", "role"]].drop_duplicates()
    lines = -(-len(heads) // COLUMNS)
    fig, axes = plt.subplots(
        lines, COLUMNS, figsize=(TEXT_WIDTH, 2.35 * lines), squeeze=False
    )
    for ax in axes.flat[len(heads) :]:
        ax.set_visible(False)
    for ax, head in zip(axes.flat, heads.itertuples(), strict=False):
        chosen = (attention_examples["layer"] == head.layer) & (
            attention_examples["head"] == head.head
        )
        attention_panel(attention_examples[chosen], ax=ax)
        named = "" if head.role in UNDECIDED_ROLES else f": {head.role}"
        color = role_color(head.role) if named else "black"
        ax.set_title(head_name(head.layer, head.head) + named, color=color)
    return fig, attention_examples


if __name__ == "__main__":
    figure_command(draw)
