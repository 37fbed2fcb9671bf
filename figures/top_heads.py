"""The strongest heads with intervals: denoising and noising side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.command import figure_command
from figures.heads import effect_name, first_roles, strongest
from figures.style import (
    DIRECTION_MARKERS,
    DOT,
    TEXT_WIDTH,
    role_handles,
    role_palette,
)
from head_patching.terms import NO_ROLE

APART = 0.34  # between the two directions of a head, whose lines are 1 apart


def top_head_effects(
    effects: pd.DataFrame, roles: pd.DataFrame, top: int, patch_type: str
) -> pd.DataFrame:
    """Both directions' effects of the heads strongest in denoising, strongest first."""
    shown = effects[effects["patch_type"] == patch_type]
    ranked = strongest(shown[shown["direction"] == "denoising"], top)
    if ranked.empty:
        raise ValueError(f"no denoising effects of patch type {patch_type!r}")
    shown = shown.assign(confirmed=shown.get("confirmed", 1))
    ranked = ranked[["layer", "head"]].assign(rank=range(1, len(ranked) + 1))
    rows = ranked.merge(shown, on=["layer", "head"])
    rows = rows.merge(first_roles(roles), on=["layer", "head"], how="left")
    rows["role"] = rows["role"].fillna(NO_ROLE)
    columns = ["rank", "layer", "head", "role", "direction"]
    return rows.sort_values(["rank", "direction"])[
        [*columns, "effect", "ci_low", "ci_high", "n_pairs", "confirmed"]
    ]


def effect_dots(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One line per head, one dot with its interval per direction."""
    ax = plt.gca() if ax is None else ax
    shift = {
        direction: APART * (number - (len(DIRECTION_MARKERS) - 1) / 2)
        for number, direction in enumerate(DIRECTION_MARKERS)
    }
    height = rows["rank"] + rows["direction"].map(shift)
    ax.hlines(height, rows["ci_low"], rows["ci_high"], color="#444444", linewidth=0.8)
    sns.scatterplot(
        rows.assign(height=height), x="effect", y="height", hue="role",
        palette=role_palette(rows["role"]), style="direction",
        markers=DIRECTION_MARKERS, s=18, edgecolor="black", linewidth=0.5, zorder=3,
        legend=False, ax=ax,
    )  # fmt: skip
    heads = rows.drop_duplicates("rank")
    ax.axvline(0, color="black", linewidth=0.5, zorder=0)
    ax.set_yticks(heads["rank"], [effect_name(row) for row in heads.itertuples()])
    ax.set_ylim(heads["rank"].max() + 0.6, 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
    ax.set(xlabel="effect of patching the head's output, with interval", ylabel="")
    return ax


def direction_handles() -> list[Line2D]:
    """Legend entries of the two directions, in no role's colour."""
    return [
        Line2D([], [], marker=marker, color="white", label=direction, **DOT)
        for direction, marker in DIRECTION_MARKERS.items()
    ]


def draw(
    effects: pd.DataFrame,
    roles: pd.DataFrame,
    top: int = 15,
    patch_type: str = "output",
) -> tuple[Figure, pd.DataFrame]:
    """Effects of the strongest heads, both directions, coloured by role."""
    rows = top_head_effects(effects, roles, top, patch_type)
    n_rows = rows["rank"].nunique()
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.7 + 0.22 * max(n_rows, 8)))
    effect_dots(rows, ax=ax)
    limit = np.nanmax(np.abs(rows[["effect", "ci_low", "ci_high"]].to_numpy()))
    ax.set_xlim(min(0, rows["ci_low"].min(), rows["effect"].min()) - 0.04 * limit, None)
    fig.legend(
        handles=direction_handles() + role_handles(rows["role"]),
        loc="outside right upper",
        handletextpad=0.3,
    )
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
