"""Noising effect against denoising effect of every head."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heads import effect_name, first_roles
from figures.names import Name, name_points
from figures.style import TEXT_WIDTH, role_handles, role_palette
from head_patching.terms import DIRECTIONS, NO_ROLE

# Heads nearer to zero than this share of the largest effect lie in a crowd.
CROWD = 0.1


def paired_effects(
    effects: pd.DataFrame, roles: pd.DataFrame, patch_type: str
) -> pd.DataFrame:
    """One row per head: both directions' effects and intervals, and the role."""
    shown = effects[effects["patch_type"] == patch_type]
    columns = ["effect", "ci_low", "ci_high"]
    sides = {
        direction: shown[shown["direction"] == direction]
        .set_index(["layer", "head"])[columns]
        .add_prefix(f"{direction}_")
        for direction in DIRECTIONS
    }
    pairs = sides["denoising"].join(sides["noising"], how="inner").reset_index()
    if pairs.empty:
        raise ValueError(
            f"patch type {patch_type!r} was not measured in both directions"
        )
    if "confirmed" in shown:
        exact = shown.groupby(["layer", "head"])["confirmed"].min()
        pairs = pairs.join(exact, on=["layer", "head"])
    pairs = pairs.merge(first_roles(roles), on=["layer", "head"], how="left")
    return pairs.fillna({"role": NO_ROLE}).sort_values(["layer", "head"])


def effect_scatter(pairs: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Sufficiency across, necessity upward, with intervals.

    On the dashed line, putting the clean output in moves the logit difference as much
    as taking it away.
    """
    ax = plt.gca() if ax is None else ax
    x, y = pairs["denoising_effect"], pairs["noising_effect"]
    interval = {"color": "#999999", "linewidth": 0.5, "zorder": 1}
    ax.hlines(y, pairs["denoising_ci_low"], pairs["denoising_ci_high"], **interval)
    ax.vlines(x, pairs["noising_ci_low"], pairs["noising_ci_high"], **interval)
    # The largest effects last, on top: no head without effect hides others.
    order = np.hypot(x, y).sort_values(kind="stable").index
    sns.scatterplot(
        pairs.loc[order], x="denoising_effect", y="noising_effect", hue="role",
        palette=role_palette(pairs["role"]), s=18, edgecolor="black", linewidth=0.4,
        zorder=2, legend=False, ax=ax,
    )  # fmt: skip
    reach = pairs.filter(regex="_effect$|_ci_").to_numpy()
    low, high = np.nanmin(reach), np.nanmax(reach)
    span = (high - low) or 1.0
    limits = (low - 0.1 * span, high + 0.12 * span)
    ax.plot(limits, limits, color="black", linewidth=0.5, linestyle=(0, (4, 3)))
    ax.axhline(0, color="black", linewidth=0.4, zorder=0)
    ax.axvline(0, color="black", linewidth=0.4, zorder=0)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set_xlabel("denoising effect (sufficiency)")
    ax.set_ylabel("noising effect (necessity)")
    return ax


def names(pairs: pd.DataFrame, top: int) -> list[Name]:
    """Names of the strongest heads, but none in the crowd around zero."""
    size = np.hypot(pairs["denoising_effect"], pairs["noising_effect"])
    order = size[size > CROWD * size.max()].sort_values(ascending=False, kind="stable")
    return [
        Name(effect_name(row), row.denoising_effect, row.noising_effect)
        for row in pairs.loc[order.index[:top]].itertuples()
    ]


def draw(
    effects: pd.DataFrame,
    roles: pd.DataFrame,
    top: int = 12,
    patch_type: str = "output",
) -> tuple[Figure, pd.DataFrame]:
    """Noising effect against denoising effect of every head."""
    pairs = paired_effects(effects, roles, patch_type)
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 3.7))
    effect_scatter(pairs, ax=ax)
    fig.legend(
        handles=role_handles(pairs["role"], marker="o"), loc="outside right upper"
    )
    points = pairs[["denoising_effect", "noising_effect"]].to_numpy()
    name_points(ax, names(pairs, top), points)
    return fig, pairs


if __name__ == "__main__":
    figure_command(draw)
