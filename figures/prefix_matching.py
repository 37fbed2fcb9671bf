"""Induction heads by what they attend to against induction heads by what they do."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.heads import first_roles
from figures.names import Name, name_points
from figures.style import TEXT_WIDTH, role_handles, role_palette
from head_patching.reporting.prefix_matching import DIRECT, EFFECT, PREFIX_SCORE
from head_patching.terms import head_name

EFFECTS = {
    EFFECT: "denoising effect of the output",
    DIRECT: "effect along the path to the logits",
}
LABELLED = 5  # heads by score, and as many by effect
TASK = "induction"  # the figure is of this task alone


def scores_and_effects(evidence: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """One row per head and kind of effect: its score, its effect and its role."""
    values = evidence.set_index(["layer", "head"])
    score = values[values["criterion"] == PREFIX_SCORE]
    if score.empty:
        raise ValueError(f"evidence has no {PREFIX_SCORE!r}")
    score = score[["value", "ci_low", "ci_high"]].add_prefix("score_")
    kept = ["criterion", "value", "ci_low", "ci_high", "important"]
    effect = values[values["criterion"].isin(EFFECTS)][kept]
    rows = effect.rename(columns={"value": "effect"}).join(score).reset_index()
    return rows.merge(first_roles(roles), on=["layer", "head"])


def panel(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Score against effect, with its interval."""
    ax = plt.gca() if ax is None else ax
    ax.axhline(0, color="black", linewidth=0.5, zorder=0)
    ax.vlines(
        rows["score_value"], rows["ci_low"], rows["ci_high"], color="#999999",
        linewidth=0.4,
    )  # fmt: skip
    # The largest effects last, on top.
    order = rows["effect"].abs().sort_values(kind="stable").index
    sns.scatterplot(
        rows.loc[order], x="score_value", y="effect", hue="role",
        palette=role_palette(rows["role"]), s=14, edgecolor="black", linewidth=0.3,
        zorder=3, legend=False, ax=ax,
    )  # fmt: skip
    ax.set(xlabel="prefix-matching score", ylabel="")
    return ax


def names(rows: pd.DataFrame) -> list[Name]:
    """Names of the heads that stand out in either, the strongest effect first."""
    size = rows.assign(size=rows["effect"].abs())
    named = pd.concat(
        [size.nlargest(LABELLED, "size"), size.nlargest(LABELLED, "score_value")]
    ).drop_duplicates(["layer", "head"])
    return [
        Name(head_name(row.layer, row.head), row.score_value, row.effect)
        for row in named.itertuples()
    ]


def draw(evidence: pd.DataFrame, roles: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Prefix-matching score of every head against two of its effects."""
    rows = scores_and_effects(evidence, roles)
    fig, axes = plt.subplots(1, len(EFFECTS), figsize=(TEXT_WIDTH, 3.2), sharex=True)
    for ax, (criterion, label) in zip(axes, EFFECTS.items(), strict=True):
        panel(rows[rows["criterion"] == criterion], ax=ax)
        ax.set_ylabel(label)
    fig.legend(
        handles=role_handles(rows["role"], marker="o"),
        loc="outside upper center",
        ncols=4,
    )
    for ax, criterion in zip(axes, EFFECTS, strict=True):
        shown = rows[rows["criterion"] == criterion]
        points = shown[["score_value", "effect"]].to_numpy()
        name_points(ax, names(shown), points)
    columns = ["criterion", "layer", "head", "role", "score_value", "score_ci_low"]
    columns += ["score_ci_high", "effect", "ci_low", "ci_high", "important"]
    return fig, rows[columns].sort_values(columns[:3])


if __name__ == "__main__":
    figure_command(draw)
