"""Where in depth the roles lie in each model, head by head."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.heads import role_order
from figures.style import DOT, TEXT_WIDTH, role_palette

MARKERS = ("o", "D", "s", "^", "v", "P", "X")
USED = 0.7  # share of a role's row that the lines of its models take


def model_markers(models: list[str]) -> dict[str, str]:
    """A marker for each model."""
    return {name: MARKERS[n % len(MARKERS)] for n, name in enumerate(models)}


def depth_dots(
    rows: pd.DataFrame, models: list[str], *, ax: Axes | None = None
) -> Axes:
    """A row per role, in it a line per model; dots are heads, bars their means."""
    ax = plt.gca() if ax is None else ax
    if not rows.empty:
        sns.scatterplot(
            rows, x="depth", y="y", hue="role", palette=role_palette(rows["role"]),
            style="model", markers=model_markers(models), s=20, edgecolor="black",
            linewidth=0.4, legend=False, ax=ax,
        )  # fmt: skip
    means = rows.groupby("y")["depth"].mean()
    half = 0.4 * USED / len(models)
    ax.vlines(means, means.index - half, means.index + half, "black", linewidth=1.0)
    ax.set_xlim(-0.04, 1.04)
    ax.set(xlabel="relative depth of the layer", ylabel="")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    return ax


def placed(model_roles: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """The heads with their height: role by role from the top, a line per model."""
    rows = {role: number for number, role in enumerate(role_order(model_roles["role"]))}
    lines = {name: number for number, name in enumerate(models)}
    # An empty table has no numbers for pandas to recognise.
    row = model_roles["role"].map(rows).astype(float)
    line = model_roles["model"].map(lines).astype(float)
    middle = (len(models) - 1) / 2
    return model_roles.assign(y=row + USED * (line - middle) / len(models))


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
    handles = [
        Line2D([], [], marker=marker, color="white", label=name, **DOT)
        for name, marker in model_markers(models).items()
    ]
    if handles:
        fig.legend(
            handles=handles, loc="outside upper center", ncols=min(len(models), 3)
        )
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
