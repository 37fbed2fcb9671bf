"""The circuit as found: heads with a role by position and layer, edges along paths.

A group of heads that can replace one another has one edge, with its joint effect.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures.arrows import HELPS, HINDERS, add_group, add_path, look
from figures.command import figure_command
from figures.heads import first_roles
from figures.names import Name, name_points
from figures.style import TEXT_WIDTH, role_color, role_handles
from head_patching.reporting.groups import redundant_groups
from head_patching.reporting.keys import pairs_of
from head_patching.reporting.rounding import format_effect, format_number
from head_patching.terms import HEAD, head_name, heads_named

LOGITS = "logits"
GROUP = ["group", "joint", "joint_low", "joint_high"]
# Positions are 1 apart: half the width of their bands, and how far heads are from the
# middle of theirs, and at most.
BAND, SPREAD, WIDEST = 0.46, 0.26, 0.42


def nodes_of(circuit: pd.DataFrame) -> pd.DataFrame:
    """One row per head: its first role, and x, so that neighbours do not overlap.

    A head that has a role is shown with it, whatever it is a candidate for. The heads
    of one layer are side by side in the band of their position; a head that is alone
    in its layer is left, in the middle or right, in turn.
    """
    firmest = circuit.groupby(HEAD)["found"].transform("max")
    shown = circuit[circuit["found"] == firmest]
    heads = first_roles(shown[[*HEAD, "role"]]).merge(shown).drop_duplicates(HEAD)
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


def with_groups(circuit: pd.DataFrame, head_groups: pd.DataFrame) -> pd.DataFrame:
    """The circuit; paths of redundant heads have their group and its joint effect.

    Columns beside those of the circuit: group (names joined by `+`; empty for a path of
    its own), joint, joint_low, joint_high.
    """
    groups = redundant_groups(head_groups).rename(columns={"heads": "group"})
    groups = groups.assign(criterion=groups["stage"].str.replace("stage.", "path."))
    found = circuit.merge(groups[["criterion", *GROUP]], how="left", on="criterion")
    heads = zip(found["layer"], found["head"], strict=True)
    member = [
        head in heads_named(names)
        for head, names in zip(heads, found["group"].fillna(""), strict=True)
    ]
    counts = pd.Series(member, index=found.index, dtype=bool) & (
        found["important"] == 1
    )
    found[GROUP] = found[GROUP].where(counts)
    return found.assign(group=found["group"].fillna(""))


def edges_of(circuit: pd.DataFrame) -> pd.DataFrame:
    """Important paths, from each sender to each head above it with another role."""
    paths = circuit[circuit["important"] == 1].drop_duplicates([*HEAD, "receiver"])
    roles = circuit.groupby(HEAD)["role"].agg(set)
    own = [roles[row.layer, row.head] for row in paths.itertuples()]
    others = [r not in o for r, o in zip(paths["receiver"], own, strict=True)]
    paths = paths[np.array(others, dtype=bool)]  # without any, a list names no column
    heads = circuit[[*HEAD, "role"]].drop_duplicates()
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
) -> list[Name]:
    """Heads as dots in the band of their position, paths as arrows, the logits on top.

    Gives what is to be written at the squares of groups: the joint effects.

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
    name_axes(ax, list(places["position"]), nodes["layer"])
    ax.set_ylim(nodes["layer"].min() - 1, logits[1] + 0.8)
    largest = edges[["value", "joint"]].abs().max(axis=None)
    alone, together = edges[edges["group"] == ""], edges[edges["group"] != ""]
    for (layer, head, receiver), path in alone.groupby([*HEAD, "receiver"]):
        below = logits[0], logits[1] - 0.5
        ends = [below] if receiver == LOGITS else [at[to] for to in receivers(path)]
        # The effect is that on all receivers together.
        add_path(ax, at[layer, head], ends, **look(path["value"].iloc[0], largest))
    written = []
    for _, path in together.groupby("criterion"):
        joint = path.iloc[0]
        starts = [at[head] for head in pairs_of(path[HEAD].drop_duplicates())]
        ends = [at[to] for to in sorted({*receivers(path)})]
        line = look(joint["joint"], largest)
        place = add_group(ax, starts, ends, **line)
        written.append(Name(joint_text(joint), *place, color=line["color"]))
    filled = nodes["role"].map(role_color).where(nodes["found"] == 1, "white")
    ax.scatter(
        nodes["x"], nodes["layer"], s=42, c=filled, linewidths=0.5, zorder=5,
        edgecolors=nodes["role"].map(role_color).where(nodes["found"] == 0, "black"),
    )  # fmt: skip
    return written


def joint_text(group: pd.Series) -> str:
    """What is written beside a group: its size, its joint effect and the interval."""
    n_heads = len(heads_named(group["group"]))
    joint = format_effect(group["joint"], group["joint_low"], group["joint_high"], 2)
    return f"{n_heads} candidates together\n{joint}"


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


def edge_handles(edges: pd.DataFrame) -> list[Line2D]:
    """Legend entries of both signs, with the largest effect that is drawn."""
    handles, effect = [], edges["joint"].where(edges["group"] != "", edges["value"])
    for color, label, chosen in (
        (HELPS, "helps the answer", effect > 0),
        (HINDERS, "works against it", effect < 0),
    ):
        if chosen.any():
            size = effect[chosen].abs().max()
            label = f"{label} (up to {format_number(size)})"
            handles.append(Line2D([], [], color=color, linewidth=1.5, label=label))
    if (edges["group"] != "").any():
        square = {"marker": "s", "linestyle": "none", "color": "black"}
        handles.append(Line2D([], [], **square, label="can replace one another"))
    return handles


def draw(
    circuit: pd.DataFrame, head_groups: pd.DataFrame
) -> tuple[Figure, pd.DataFrame]:
    """The heads with a role, and the important paths between them and of groups."""
    circuit = with_groups(circuit, head_groups)
    n_layers = (
        circuit["layer"].max() - circuit["layer"].min() + 1 if len(circuit) else 1
    )
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.6 + 0.16 * max(n_layers, 18)))
    if circuit.empty:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no head has a role", ha="center", transform=ax.transAxes)
        return fig, circuit
    nodes, edges = nodes_of(circuit), edges_of(circuit)
    joint = outline(nodes, edges, ax=ax)
    fig.legend(
        handles=role_handles(nodes["role"], marker="o") + edge_handles(edges),
        loc="outside upper center",
        ncols=4,
        handlelength=1.5,
        columnspacing=1.3,
    )
    names = [Name(head_name(n.layer, n.head), n.x, n.layer) for n in nodes.itertuples()]
    squares = [(name.x, name.y) for name in joint]
    points = np.array([*zip(nodes["x"], nodes["layer"], strict=True), *squares])
    name_points(ax, [*joint, *names], points, fontsize=7)
    return fig, circuit


if __name__ == "__main__":
    figure_command(draw)
