"""How well the weights alone separate induction heads: ROC curves by criterion."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH
from head_patching.reporting.weights import BEHIND_MLP, weight_name

TASK = "induction"  # the figure is of this task alone
ROLE = "induction"

# Paul Tol's "bright" scheme, source as in style.py: one colour per criterion, and a
# broken line for the same behind the first MLP.
COLORS = {
    "ov_copying": "#4477AA",
    "ov_positive_share": "#66CCEE",
    "ov_copy_words": "#228833",
    "qk_same_token": "#CCBB44",
    "qk_induction": "#EE6677",
}
OTHER_COLOR = "#AA3377"


def curves(weight_roc: pd.DataFrame, weight_agreement: pd.DataFrame) -> pd.DataFrame:
    """The curves of the role, each with its area."""
    keys = ["role", "criterion"]
    areas = weight_agreement[[*keys, "auc"]]
    return weight_roc[weight_roc["role"] == ROLE].merge(areas, on=keys, how="left")


def panel(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """True- against false-positive rate, and the diagonal of chance."""
    ax = plt.gca() if ax is None else ax
    ax.plot([0, 1], [0, 1], color="#AAAAAA", linewidth=0.6, label="chance (0.50)")
    for criterion, curve in rows.groupby("criterion", sort=False):
        behind = criterion.endswith(BEHIND_MLP)
        ax.plot(
            curve["false_positive"], curve["true_positive"],
            color=COLORS.get(criterion.removesuffix(BEHIND_MLP), OTHER_COLOR),
            linestyle=(0, (3, 1.5)) if behind else "-",
            label=f"{weight_name(criterion)} ({curve['auc'].iloc[0]:.2f})",
        )  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
    ax.set_xlabel("share of other heads that are as high")
    ax.set_ylabel(f"share of {ROLE} heads")
    return ax


def draw(
    weight_roc: pd.DataFrame, weight_agreement: pd.DataFrame
) -> tuple[Figure, pd.DataFrame]:
    """ROC curves of what the weights say, for the induction heads found by patching."""
    rows = curves(weight_roc, weight_agreement)
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 2.5))
    if rows.empty:
        words = f"No head has the role {ROLE}: there is nothing to compare."
        ax.text(0.5, 0.5, words, ha="center", va="center")
        ax.set_axis_off()
        # A row that says so, in place of curves.
        return fig, pd.DataFrame({"role": [ROLE], "criterion": [""]})
    panel(rows, ax=ax)
    fig.legend(loc="outside right center", title="criterion (AUC)")
    return fig, rows


if __name__ == "__main__":
    figure_command(draw)
