"""Where the heads with a role look: mean attention between named positions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import (
    TEXT_WIDTH,
    UNDECIDED_ROLES,
    first_roles,
    role_color,
    role_order,
    text_color,
)
from figures.top_heads import role_handles
from head_patching.reporting.criteria import MOST_WITH_ROLE
from head_patching.terms import head_name

# A criterion that adds up the attention to S1 and S2, which are shown apart.
SUMS = ("attention.END.S",)


def targets(evidence: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The attention criteria: from which position, to which; END's first."""
    names = evidence["criterion"].drop_duplicates()
    pairs = names[~names.isin(SUMS)].str.extract(r"^attention\.([^.]+)\.([^.]+)$")
    found = {names[row]: pair for row, *pair in pairs.dropna().itertuples()}
    return {
        name: (query, key)
        for name, (query, key) in sorted(
            found.items(), key=lambda item: (item[1][0] != "END", item[0])
        )
    }


def attention_rows(
    evidence: pd.DataFrame, roles: pd.DataFrame, max_heads: int
) -> pd.DataFrame:
    """Attention of the heads with a role, role by role, then by layer and head.

    When more than `max_heads` heads have a role, those with the most attention to any
    one target are kept. When none has, the heads with the most attention are shown.
    """
    shown = evidence[evidence["criterion"].isin(targets(evidence))]
    if shown.empty:
        raise ValueError("evidence has no attention criteria")
    heads = first_roles(roles)
    decided = heads[~heads["role"].isin(UNDECIDED_ROLES)]
    if decided.empty:
        decided = heads
        max_heads = min(max_heads, 15)
    strength = shown.groupby(["layer", "head"], as_index=False)["value"].max()
    decided = decided.merge(strength, on=["layer", "head"])
    decided = decided.sort_values(
        ["value", "layer", "head"], ascending=[False, True, True]
    ).head(max_heads)
    order = {role: n for n, role in enumerate(role_order(decided["role"]))}
    rows = decided.drop(columns="value").assign(order=decided["role"].map(order))
    rows = rows.merge(shown, on=["layer", "head"]).sort_values(
        ["order", "layer", "head", "criterion"]
    )
    return rows[
        ["role", "layer", "head", "criterion", "value", "ci_low", "ci_high", "n"]
    ]


def attention_heatmap(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Heads by targets, the mean attention written into each cell."""
    ax = plt.gca() if ax is None else ax
    pairs = targets(rows)
    heads = rows.drop_duplicates(["layer", "head"])
    table = rows.pivot(index=["layer", "head"], columns="criterion", values="value")
    keys = list(zip(heads["layer"], heads["head"], strict=True))
    grid = table.reindex(index=keys, columns=list(pairs)).to_numpy()
    image = ax.imshow(grid, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            ax.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center_baseline",
                fontsize=6.5,
                color=text_color(image.cmap(image.norm(value))),
            )
    for row, role in enumerate(heads["role"]):
        ax.plot(
            -0.62,
            row,
            marker="s",
            markersize=4.5,
            color=role_color(role),
            markeredgecolor="black",
            markeredgewidth=0.4,
            clip_on=False,
        )
    ax.set_xticks(range(len(pairs)), [f"{q}→{k}" for q, k in pairs.values()])
    ax.set_yticks(range(len(keys)), [head_name(*key) for key in keys])
    ax.tick_params(length=0)
    ax.tick_params(axis="y", pad=9)
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(pairs) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(keys) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="minor", length=0)
    return ax


def draw(
    evidence: pd.DataFrame, roles: pd.DataFrame, max_heads: int = MOST_WITH_ROLE
) -> tuple[Figure, pd.DataFrame]:
    """Mean attention of the heads with a role to the named positions."""
    rows = attention_rows(evidence, roles, max_heads)
    n_rows = len(rows.drop_duplicates(["layer", "head"]))
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.4 + 0.165 * max(n_rows, 10)))
    attention_heatmap(rows, ax=ax)
    fig.legend(handles=role_handles(rows["role"]), loc="outside right upper")
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
