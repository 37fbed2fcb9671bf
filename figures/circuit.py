"""The circuit as found: heads with a role by position and layer, edges along paths."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import MaxNLocator

from figures.command import figure_command
from figures.heads import first_roles
from figures.names import Name, name_points
from figures.style import TEXT_WIDTH, role_color, role_handles
from head_patching.reporting.rounding import format_number
from head_patching.terms import head_name

LOGITS = "logits"
HELPS, HINDERS = "#B2182B", "#2166AC"  # the ends of the diverging scale of effects
WIDTHS = (0.5, 3.0)  # points, of the smallest and the largest effect
# Positions are 1 apart: half the width of their bands, and how far heads are from the
# middle of theirs, and at most.
BAND, SPREAD, WIDEST = 0.46, 0.26, 0.42
FORK = 0.4  # share of the way from the receivers back to the sender


def nodes_of(circuit: pd.DataFrame) -> pd.DataFrame:
    """One row per head: its first role, and x, so that neighbours do not overlap.

    The heads of one layer are side by side in the band of their position; a head that
    is alone in its layer is left, in the middle or right, in turn.
    """
    first = first_roles(circuit[["layer", "head", "role"]])
    heads = first.merge(circuit).drop_duplicates(["layer", "head"])
    heads = heads.sort_values(["place", "layer", "head"], ignore_index=True)
    x = pd.Series(0.0, index=heads.index)
    for number, (_, of_place) in enumerate(heads.groupby("place")):
        layers = list(of_place.groupby("layer"))
        for turn, (_, of_layer) in enumerate(layers):
            n = len(of_layer)
            sideways = SPREAD * (turn % 3 - 1) if len(layers) > 1 else 0.0
            if n > 1:
                sideways = np.linspace(-1, 1, n) * min(WIDEST, SPREAD * (n - 1))
            x[of_layer.index] = number + sideways
    return heads.assign(x=x)


def edges_of(circuit: pd.DataFrame) -> pd.DataFrame:
    """Important paths, from each sender to each head above it with another role."""
    paths = circuit[circuit["important"] == 1].drop_duplicates(
        ["layer", "head", "receiver"]
    )
    roles = circuit.groupby(["layer", "head"])["role"].agg(set)
    own = [roles[row.layer, row.head] for row in paths.itertuples()]
    paths = paths[[r not in o for r, o in zip(paths["receiver"], own, strict=True)]]
    heads = circuit[["layer", "head", "role"]].drop_duplicates()
    heads = heads.rename(columns={"layer": "to_layer", "head": "to_head"})
    direct = paths[paths["receiver"] == LOGITS]
    between = paths.merge(
        heads, left_on="receiver", right_on="role", suffixes=("", "_")
    )
    between = between[between["to_layer"] > between["layer"]]
    edges = pd.concat([direct, between], ignore_index=True)
    return edges.drop(columns="role_", errors="ignore")


def outline(
    nodes: pd.DataFrame, edges: pd.DataFrame, *, ax: Axes | None = None
) -> Axes:
    """Heads as dots in the band of their position, paths as arrows, the logits on top.

    Parameters
    ----------
    nodes
        As `nodes_of` gives them.
    edges
        As `edges_of` gives them.
    ax
        The panel to draw into; None is the current one.
    """
    ax = plt.gca() if ax is None else ax
    at = {(n.layer, n.head): (n.x, n.layer) for n in nodes.itertuples()}
    places = nodes.drop_duplicates("place").sort_values("place")
    # Above END, at which the answer is read.
    logits = len(places) - 1, nodes["layer"].max() + 2.5
    ax.text(*logits, "logits", ha="center", va="center", fontsize=8)
    largest = edges["value"].abs().max() if len(edges) else 1.0
    for (layer, head, receiver), path in edges.groupby(["layer", "head", "receiver"]):
        value = path["value"].iloc[0]  # of all receivers together
        share = abs(value) / largest
        below = logits[0], logits[1] - 0.5
        ends = [below] if receiver == LOGITS else [at[to] for to in receivers(path)]
        add_path(
            ax, at[layer, head], ends, color=HELPS if value > 0 else HINDERS,
            width=WIDTHS[0] + share * (WIDTHS[1] - WIDTHS[0]),
        )  # fmt: skip
    ax.scatter(
        nodes["x"], nodes["layer"], s=42, c=nodes["role"].map(role_color),
        edgecolors="black", linewidths=0.5, zorder=5,
    )  # fmt: skip
    name_axes(ax, list(places["position"]), nodes["layer"])
    ax.set_ylim(nodes["layer"].min() - 1, logits[1] + 0.8)
    return ax


def name_axes(ax: Axes, positions: list[str], layers: pd.Series) -> None:
    """A band for each position across, the layers that have heads upwards."""
    for place in range(len(positions)):
        ax.axvspan(place - BAND, place + BAND, color="#F4F4F4", linewidth=0, zorder=0)
    ax.set_xticks(range(len(positions)), positions)
    ax.set_xlim(-0.6, len(positions) - 0.4)
    lowest, highest = layers.min(), layers.max()
    ticks = MaxNLocator(integer=True).tick_values(lowest, highest)
    ax.set_yticks([int(layer) for layer in ticks if lowest <= layer <= highest])
    ax.set_xlabel("position at which the head acts")
    ax.set_ylabel("layer")
    ax.spines[["top", "right"]].set_visible(False)


def receivers(path: pd.DataFrame) -> list[tuple[int, int]]:
    """The heads (layer, head) that a path leads to."""
    ends = path[["to_layer", "to_head"]].astype(int)
    return list(ends.itertuples(index=False, name=None))


def add_path(
    ax: Axes,
    start: tuple[float, float],
    ends: list[tuple[float, float]],
    *,
    color: str,
    width: float,
) -> None:
    """An arrow from a sender; to several receivers, a trunk that divides before them.

    The effect was measured for all receivers together: only the trunk has its width.

    Parameters
    ----------
    ax
        The panel.
    start
        Where the sender is.
    ends
        Where the receivers are.
    color
        Of the sign of the effect.
    width
        Of the effect, in points.
    """
    look = {"color": color, "alpha": 0.75, "zorder": 2}
    arrow = {"arrowstyle": "-|>", "shrinkB": 4, "connectionstyle": "arc3,rad=0.06"}
    if len(ends) == 1:
        arrow |= {"mutation_scale": 6 + width, "linewidth": width, "shrinkA": 3}
        ax.add_patch(FancyArrowPatch(start, ends[0], **arrow, **look))
        return
    fork = FORK * np.array(start) + (1 - FORK) * np.mean(ends, axis=0)
    trunk = {"arrowstyle": "-", "linewidth": width, "shrinkA": 3, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, fork, **trunk, **look))
    arrow |= {"mutation_scale": 6, "linewidth": WIDTHS[0], "shrinkA": 0}
    for end in ends:
        ax.add_patch(FancyArrowPatch(fork, end, **arrow, **look))


def edge_handles(edges: pd.DataFrame) -> list[Line2D]:
    """Legend entries of both signs, with the largest effect that is drawn."""
    handles = []
    for color, label, chosen in (
        (HELPS, "helps the answer", edges["value"] > 0),
        (HINDERS, "works against it", edges["value"] < 0),
    ):
        if chosen.any():
            size = edges.loc[chosen, "value"].abs().max()
            label = f"{label} (up to {format_number(size)})"
            handles.append(Line2D([], [], color=color, linewidth=1.5, label=label))
    return handles


def draw(circuit: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """The heads with a role and the important paths between them."""
    n_layers = (
        circuit["layer"].max() - circuit["layer"].min() + 1 if len(circuit) else 1
    )
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.6 + 0.16 * max(n_layers, 12)))
    if circuit.empty:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no head has a role", ha="center", transform=ax.transAxes)
        return fig, circuit
    nodes, edges = nodes_of(circuit), edges_of(circuit)
    outline(nodes, edges, ax=ax)
    fig.legend(
        handles=role_handles(nodes["role"], marker="o") + edge_handles(edges),
        loc="outside upper center",
        ncols=4,
        handlelength=1.5,
        columnspacing=1.3,
    )
    names = [Name(head_name(n.layer, n.head), n.x, n.layer) for n in nodes.itertuples()]
    name_points(ax, names, nodes[["x", "layer"]].to_numpy(), fontsize=7)
    return fig, circuit


if __name__ == "__main__":
    figure_command(draw)
