"""Where the heads with a role look: mean attention between named positions."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from figures.command import figure_command
from figures.heads import first_roles, role_order
from figures.heatmaps import table_heatmap
from figures.style import TEXT_WIDTH, role_color, role_handles
from head_patching.reporting.criteria import MOST_WITH_ROLE
from head_patching.terms import has_role, head_name

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
    one target are kept. If no head has a role, those with the most attention are shown.
    """
    shown = evidence[evidence["criterion"].isin(targets(evidence))]
    if shown.empty:
        raise ValueError("evidence has no attention criteria")
    heads = first_roles(roles)
    decided = heads[heads["role"].map(has_role)]
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
    pairs = targets(rows)
    heads = rows.drop_duplicates(["layer", "head"])
    table = rows.pivot(index=["layer", "head"], columns="criterion", values="value")
    table = table.reindex(
        index=pd.MultiIndex.from_frame(heads[["layer", "head"]]), columns=list(pairs)
    )
    table.index = [head_name(*head) for head in table.index]
    table.columns = [f"{query}→{key}" for query, key in pairs.values()]
    ax = table_heatmap(
        table, norm=Normalize(0, 1), written=table.map("{:.2f}".format), cmap="Greys",
        ax=ax,
    )  # fmt: skip
    across = blended_transform_factory(ax.transAxes, ax.transData)
    for row, role in enumerate(heads["role"]):
        ax.plot(
            -0.02, row + 0.5, transform=across, marker="s", markersize=4.5,
            color=role_color(role), markeredgecolor="black", markeredgewidth=0.4,
            clip_on=False,
        )  # fmt: skip
    ax.tick_params(axis="y", pad=13)
    ax.xaxis.tick_top()
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
