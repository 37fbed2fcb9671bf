"""Which heads compose: heads by layer, edges where one reads what another writes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from figures.axes import number_heads
from figures.command import figure_command
from figures.names import Name, name_points
from figures.style import TEXT_WIDTH, role_color, role_handles
from head_patching.reporting.composition import has_role
from head_patching.terms import NO_ROLE, Role, head_name

TASK = "induction"  # the figure is of this task alone
NAMED_ROLES = (Role.INDUCTION.value, Role.PREVIOUS_TOKEN.value)
KIND = "k"
LARGEST = 40  # edges; more of them would merge
EDGE_COLOR = "#999999"
WIDTHS = (0.4, 1.8)  # points, of the weakest and the strongest edge


def strongest_edges(composition_edges: pd.DataFrame, largest: int) -> pd.DataFrame:
    """The edges by keys of highest z, and whether roles predict them."""
    edges = composition_edges[composition_edges["kind"] == KIND]
    edges = edges.sort_values("z", ascending=False, kind="stable").head(largest)
    predicted = has_role(edges["role"], Role.PREVIOUS_TOKEN)
    predicted &= has_role(edges["later_role"], Role.INDUCTION)
    return edges.assign(predicted=predicted.astype(int))


def named_heads(roles: pd.DataFrame) -> pd.DataFrame:
    """One row per head: the first of the two roles that it has, or "no role"."""
    order = {role: number for number, role in enumerate(NAMED_ROLES)}
    rows = roles.assign(role=roles["role"].where(roles["role"].isin(order), NO_ROLE))
    rows = rows.assign(order=rows["role"].map(order).fillna(len(order)))
    rows = rows.sort_values(["layer", "head", "order"], kind="stable")
    return rows.drop_duplicates(["layer", "head"])[["layer", "head", "role"]]


def edge_widths(z: pd.Series) -> np.ndarray:
    """Line widths that grow with z."""
    low, high = z.min(), z.max()
    share = (z - low) / (high - low) if high > low else pd.Series(1.0, index=z.index)
    return (WIDTHS[0] + share * (WIDTHS[1] - WIDTHS[0])).to_numpy()


def graph(heads: pd.DataFrame, edges: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Heads as dots, edges as arrows from the earlier head to the later."""
    ax = plt.gca() if ax is None else ax
    joined = ends(edges)
    for row, width in zip(edges.itertuples(), edge_widths(edges["z"]), strict=True):
        # A longer arrow is bent more: those along one column do not cover each other.
        bend = 0.12 + 0.01 * (row.later_layer - row.layer)
        ax.add_patch(
            FancyArrowPatch(
                (row.head, row.layer), (row.later_head, row.later_layer),
                arrowstyle="-|>", mutation_scale=5 + width, shrinkA=2.5, shrinkB=3,
                linewidth=width, color="black" if row.predicted else EDGE_COLOR,
                connectionstyle=f"arc3,rad={bend}", zorder=2 + row.predicted,
                clip_on=False,
            )
        )  # fmt: skip
    for row in heads.itertuples():
        is_named = row.role in NAMED_ROLES
        is_joined = (row.layer, row.head) in joined
        plain = "#777777" if is_joined else "#DDDDDD"
        ax.scatter(
            row.head, row.layer, s=34 if is_named else 12 if is_joined else 4,
            c=role_color(row.role) if is_named else plain,
            edgecolors="black" if is_named else "none", linewidths=0.5, zorder=5,
        )  # fmt: skip
    n_layers, n_heads = heads["layer"].max() + 1, heads["head"].max() + 1
    number_heads(ax, n_layers, n_heads)
    ax.set_ylim(-0.6, n_layers - 0.1)  # room for the names of the top layer
    return ax


def ends(edges: pd.DataFrame) -> set[tuple[int, int]]:
    """The heads (layer, head) that any edge joins."""
    earlier = zip(edges["layer"], edges["head"], strict=True)
    later = zip(edges["later_layer"], edges["later_head"], strict=True)
    return {*earlier, *later}


def names(heads: pd.DataFrame, edges: pd.DataFrame) -> list[Name]:
    """Names of the heads that have a role, and then of those that an edge joins."""
    joined = ends(edges)
    with_role = heads["role"].isin(NAMED_ROLES)
    return [
        Name(
            head_name(row.layer, row.head), row.head, row.layer,
            color="black" if row.role in NAMED_ROLES else "#555555",
        )
        for row in [*heads[with_role].itertuples(), *heads[~with_role].itertuples()]
        if row.role in NAMED_ROLES or (row.layer, row.head) in joined
    ]  # fmt: skip


def edge_handles(edges: pd.DataFrame) -> list[Line2D]:
    """Legend entries of the two kinds of arrows, and of the range of widths."""
    if edges.empty:
        return [Line2D([], [], linestyle="none", label="no pair above the others")]
    shown = [("black", "previous token to induction", 1.2)] * int(
        edges["predicted"].any()
    )
    widths = edge_widths(edges["z"])
    for row in (edges["z"].argmax(), edges["z"].argmin()):
        label = f"other, $z$ = {edges['z'].iloc[row]:.1f}"
        shown.append((EDGE_COLOR, label, widths[row]))
    return [
        Line2D([], [], color=color, label=label, linewidth=width)
        for color, label, width in shown
    ]


def draw(
    composition_edges: pd.DataFrame, roles: pd.DataFrame, largest: int = LARGEST
) -> tuple[Figure, pd.DataFrame]:
    """The pairs of heads that compose most by keys."""
    heads = named_heads(roles)
    edges = strongest_edges(composition_edges, largest)
    n_layers = heads["layer"].max() + 1
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.9 + 0.11 * max(n_layers, 14)))
    graph(heads, edges, ax=ax)
    found = heads.loc[heads["role"].isin(NAMED_ROLES), "role"]
    handles = role_handles(found, marker="o") + edge_handles(edges)
    fig.legend(
        handles=handles,
        loc="outside upper center",
        ncols=5,
        handlelength=1.5,
        columnspacing=1.3,
    )
    name_points(ax, names(heads, edges), heads[["head", "layer"]].to_numpy())
    columns = ["kind", "layer", "head", "role", "later_layer", "later_head"]
    columns += ["later_role", "value", "baseline", "z", "predicted"]
    return fig, edges[columns]


if __name__ == "__main__":
    figure_command(draw)
