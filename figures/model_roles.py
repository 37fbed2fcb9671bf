"""Where in depth the roles lie in each model, head by head."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.style import TEXT_WIDTH, role_color, role_order

MARKERS = ("o", "D", "s", "^", "v", "P", "X")
LANES = 0.7  # of the height of a role's row


def depth_dots(
    rows: pd.DataFrame, models: list[str], *, ax: Axes | None = None
) -> Axes:
    """A row per role and in it a lane per model; dots are heads, bars their means."""
    ax = plt.gca() if ax is None else ax
    for row in rows.itertuples():
        ax.plot(
            row.depth, row.y, marker=MARKERS[models.index(row.model) % len(MARKERS)],
            color=role_color(row.role), markeredgecolor="black", markeredgewidth=0.4,
            markersize=4.5, linestyle="none",
        )  # fmt: skip
    means = rows.groupby("y")["depth"].mean()
    half = 0.4 * LANES / len(models)
    ax.vlines(means, means.index - half, means.index + half, "black", linewidth=1.0)
    ax.set_xlim(-0.04, 1.04)
    ax.set_xlabel("relative depth of the layer")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    return ax


def placed(model_roles: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """The heads with their height: role by role from the top, a lane per model."""
    roles = role_order(model_roles["role"])
    row = model_roles["role"].map({role: number for number, role in enumerate(roles)})
    lane = model_roles["model"].map(
        {name: number for number, name in enumerate(models)}
    )
    middle = (len(models) - 1) / 2
    return model_roles.assign(y=row + LANES * (lane - middle) / len(models))


def draw(model_roles: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Relative depth of the heads of each role, by model and task."""
    models = list(dict.fromkeys(model_roles["model"]))
    tasks = list(dict.fromkeys(model_roles["task"])) or [""]
    roles = role_order(model_roles["role"])
    rows = placed(model_roles, models)
    height = 0.9 + max(0.3, 0.13 * len(models)) * max(len(roles), 3)
    fig, axes = plt.subplots(
        1, len(tasks), figsize=(TEXT_WIDTH, height), sharey=True, squeeze=False
    )
    for ax, task in zip(axes.flat, tasks, strict=True):
        depth_dots(rows[rows["task"] == task], models or [""], ax=ax)
        ax.set_title(task)
    axes.flat[0].set_yticks(range(len(roles)), roles)
    axes.flat[0].set_ylim(max(len(roles), 1) - 0.5, -0.5)
    style = {"color": "white", "markeredgecolor": "black", "linestyle": "none"}
    handles = [
        Line2D([], [], marker=MARKERS[number % len(MARKERS)], label=name, **style)
        for number, name in enumerate(models)
    ]
    if handles:
        fig.legend(
            handles=handles, loc="outside upper center", ncols=min(len(models), 3)
        )
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
