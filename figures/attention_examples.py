"""Attention of a few heads on one prompt, token by token."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import SMALL, TEXT_WIDTH, role_color
from head_patching.terms import has_role, head_name

COLUMNS = 2
MOST_WORDS = 22  # along an axis, at the smallest size of type


def attention_panel(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One head: queries by keys, named positions marked at the right.

    Without the first token: a head that finds nothing attends to it, and next to that
    everything else would be pale.
    """
    ax = plt.gca() if ax is None else ax
    rows = rows[(rows["key_pos"] > 0) & (rows["query_pos"] > 0)]
    queries = rows.drop_duplicates("query_pos").sort_values("query_pos")
    words = [token.strip() or "␣" for token in queries["query_token"].astype(str)]
    every = -(-len(words) // MOST_WORDS)
    words = [word if n % every == 0 else "" for n, word in enumerate(words)]
    sns.heatmap(
        rows.pivot(index="query_pos", columns="key_pos", values="attention"),
        cmap="Greys", vmin=0, vmax=1, square=True, linewidths=0.2,
        linecolor="#eeeeee", cbar=False, xticklabels=words, yticklabels=words, ax=ax,
    )  # fmt: skip
    for row, position in enumerate(queries["position"]):
        ax.text(
            len(words) + 0.3, row + 0.5, position, fontsize=SMALL,
            va="center_baseline", color="#555555",
        )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0, pad=1, labelsize=SMALL)
    ax.tick_params(axis="x", rotation=90)
    ax.tick_params(axis="y", rotation=0)
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
        title, color = head_name(head.layer, head.head), "black"
        if has_role(head.role):
            title, color = f"{title}: {head.role}", role_color(head.role)
        ax.set_title(title, color=color)
    return fig, attention_examples


if __name__ == "__main__":
    figure_command(draw)
