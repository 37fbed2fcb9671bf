"""Noising effect against denoising effect of every head."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from figures.command import figure_command
from figures.style import (
    TEXT_WIDTH,
    effect_name,
    first_roles,
    role_color,
    role_order,
)
from figures.top_heads import role_handles


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
        for direction in ("denoising", "noising")
    }
    pairs = sides["denoising"].join(sides["noising"], how="inner").reset_index()
    if pairs.empty:
        raise ValueError(f"patch type {patch_type!r} is not there in both directions")
    if "confirmed" in shown:
        exact = shown.groupby(["layer", "head"])["confirmed"].min()
        pairs = pairs.join(exact, on=["layer", "head"])
    pairs = pairs.merge(first_roles(roles), on=["layer", "head"], how="left")
    return pairs.fillna({"role": "no role"}).sort_values(["layer", "head"])


def effect_scatter(
    pairs: pd.DataFrame, *, top: int = 12, ax: Axes | None = None
) -> Axes:
    """Sufficiency across, necessity upward, with intervals; the strongest named.

    On the dashed line, putting the clean output in moves the logit difference as much
    as taking it away.
    """
    ax = plt.gca() if ax is None else ax
    x, y = pairs["denoising_effect"], pairs["noising_effect"]
    ax.hlines(
        y,
        pairs["denoising_ci_low"],
        pairs["denoising_ci_high"],
        color="#999999",
        linewidth=0.5,
        zorder=1,
    )
    ax.vlines(
        x,
        pairs["noising_ci_low"],
        pairs["noising_ci_high"],
        color="#999999",
        linewidth=0.5,
        zorder=1,
    )
    reverse = reversed(role_order(pairs["role"]))
    order = {role: number for number, role in enumerate(reverse)}
    for row in sorted(pairs.itertuples(), key=lambda row: order[row.role]):
        ax.scatter(
            row.denoising_effect,
            row.noising_effect,
            color=role_color(row.role),
            s=18,
            edgecolors="black",
            linewidths=0.4,
            zorder=2 + order[row.role] / 10,
        )
    reach = pairs.filter(regex="_effect$|_ci_").to_numpy()
    low, high = np.nanmin(reach), np.nanmax(reach)
    span = (high - low) or 1.0
    limits = (low - 0.1 * span, high + 0.05 * span)
    ax.plot(limits, limits, color="black", linewidth=0.5, linestyle=(0, (4, 3)))
    ax.axhline(0, color="black", linewidth=0.4, zorder=0)
    ax.axvline(0, color="black", linewidth=0.4, zorder=0)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set_xlabel("denoising effect (sufficiency)")
    ax.set_ylabel("noising effect (necessity)")
    for name, point, on_right in placed_names(pairs, top, span):
        ax.annotate(
            name,
            point,
            xytext=(5, -4) if on_right else (-5, 4),
            textcoords="offset points",
            ha="left" if on_right else "right",
            va="center",
            fontsize=6.5,
            zorder=4,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )
    return ax


def placed_names(
    pairs: pd.DataFrame, top: int, span: float
) -> list[tuple[str, tuple[float, float], bool]]:
    """Name, point and side (right of it?) of the strongest heads.

    Names stand on their point's side of the dashed line. Left out are heads in the
    crowd around zero, and names that would cover the name of a stronger head.
    """
    size = np.hypot(pairs["denoising_effect"], pairs["noising_effect"])
    order = size[size > 0.05 * span].sort_values(ascending=False, kind="stable")
    chosen: list[tuple[str, tuple[float, float], bool]] = []
    for row in pairs.loc[order.index[:top]].itertuples():
        point = (row.denoising_effect, row.noising_effect)
        on_right = point[0] >= point[1]
        covered = any(
            abs(point[0] - x) < 0.11 * span and abs(point[1] - y) < 0.035 * span
            for _, (x, y), side in chosen
            if side == on_right
        )
        if not covered:
            chosen.append((effect_name(row), point, on_right))
    return chosen


def draw(
    effects: pd.DataFrame,
    roles: pd.DataFrame,
    top: int = 12,
    patch_type: str = "output",
) -> tuple[Figure, pd.DataFrame]:
    """Noising effect against denoising effect of every head."""
    pairs = paired_effects(effects, roles, patch_type)
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 3.7))
    effect_scatter(pairs, top=top, ax=ax)
    fig.legend(
        handles=role_handles(pairs["role"], marker="o"), loc="outside right upper"
    )
    return fig, pairs


if __name__ == "__main__":
    figure_command(draw)
