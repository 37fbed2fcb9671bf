"""The figures' one visual language: sizes, colours of roles, and how a figure is saved.

Figures are drawn at the width of the text and included unscaled, so that 9 pt in a
figure is 9 pt on paper. Nothing else in the project calls `savefig`.
"""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from head_patching.files.writing import atomic, write_csv
from head_patching.terms import head_name

TEXT_WIDTH = 6.0  # inches; \textwidth of paper/standalone.tex
PNG_DPI = 200

# Paul Tol's "muted" scheme, made to be told apart with any colour vision:
# https://personal.sron.nl/~pault/ (technical note SRON/EPS/TN/09-002, issue 3.2)
# In the order of the circuit, from the answer backwards.
ROLE_COLORS = {
    "name mover": "#332288",
    "backup name mover": "#88CCEE",
    "negative name mover": "#882255",
    "copy suppression of S": "#AA4499",
    "S-inhibition": "#117733",
    "induction": "#CC6677",
    "duplicate token": "#DDCC77",
    "previous token": "#44AA99",
    "undecided": "#AAAAAA",
    "no role": "#EEEEEE",
}
OTHER_ROLE_COLOR = "#999933"  # same scheme; for roles that a user adds
UNDECIDED_ROLES = ("undecided", "no role")

# Directions and runs are told apart by marker as well as by colour.
DIRECTION_MARKERS = {"denoising": "o", "noising": "D"}
DIRECTION_TITLES = {
    "denoising": "denoising: clean into corrupt",
    "noising": "noising: corrupt into clean",
}
# Paul Tol's "high-contrast" scheme, same source; readable in greyscale too.
RUN_COLORS = {"clean": "#004488", "corrupt": "#BB5566"}

EFFECT = "effect: share of the clean\N{EN DASH}corrupt logit difference moved"
EFFECT_CMAP = "RdBu_r"  # ColorBrewer, colour-blind safe; red raises the effect


def figure_style() -> dict:
    """rc parameters of every figure; use as `with mpl.rc_context(figure_style())`."""
    style = mpl.rc_params_from_file(
        Path(__file__).with_name("style.mplstyle"), use_default_template=False
    )
    return dict(mpl.rcParamsDefault) | dict(style) | {"backend": "agg"}


def save_figure(fig: Figure, path: Path, data: pd.DataFrame) -> None:
    """Write the figure as PDF, its PNG twin, and the plotted numbers as CSV; close it.

    The same figure gives the same bytes: no date, no software version.
    """
    path = Path(path)
    if path.suffix != ".pdf":
        raise ValueError(f"a figure is saved as .pdf, not as {path.name!r}")
    with mpl.rc_context(figure_style()):
        fig.draw_without_rendering()
        fig.set_layout_engine("none")  # settled, and equal for both formats
        with atomic(path) as temporary:
            fig.savefig(temporary, format="pdf", metadata={"CreationDate": None})
        with atomic(path.with_suffix(".png")) as temporary:
            fig.savefig(
                temporary, format="png", dpi=PNG_DPI, metadata={"Software": None}
            )
    write_csv(path.with_suffix(".csv"), data)
    plt.close(fig)


def text_color(rgba: tuple[float, float, float, float]) -> str:
    """Black or white, whichever is readable on the colour (ITU-R BT.709 luminance)."""
    red, green, blue = rgba[:3]
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"


def head_axes(ax: Axes, n_layers: int, n_heads: int) -> None:
    """Layer against head: no spines, no tick marks, layer 0 at the bottom."""
    step = 2 if n_layers > 12 else 1
    ax.set_xlim(-0.5, n_heads - 0.5)
    ax.set_ylim(-0.5, n_layers - 0.5)
    ax.set_xticks(range(0, n_heads, 1 if n_heads <= 12 else 2))
    ax.set_yticks(range(0, n_layers, step))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("head")
    ax.set_ylabel("layer")


def effect_name(row: object) -> str:
    """The name of a row's head, marked when its effect is an estimate."""
    sign = "" if getattr(row, "confirmed", 1) else "\N{ALMOST EQUAL TO}"
    return sign + head_name(row.layer, row.head)


def effect_bar(
    cells: ScalarMappable, axes: np.ndarray, label: str = EFFECT, **placing: float
) -> None:
    """The colour bar below panels of effects; `placing` as `Figure.colorbar` has it."""
    placing = {"aspect": 45, **placing}
    fig = axes.flat[0].figure
    bar = fig.colorbar(cells, ax=axes, location="bottom", shrink=0.6, **placing)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label(label)


def role_color(role: str) -> str:
    """The fixed colour of a role."""
    return ROLE_COLORS.get(role, OTHER_ROLE_COLOR)


def role_order(roles: Iterable[str]) -> list[str]:
    """These roles, each once, in the order of legends; those a user adds come last.

    Heads without a role come after all roles.
    """
    known = [role for role in ROLE_COLORS if role not in UNDECIDED_ROLES]
    found = set(roles)
    added = sorted(found - set(ROLE_COLORS))
    return [role for role in (*known, *added, *UNDECIDED_ROLES) if role in found]


def first_roles(roles: pd.DataFrame) -> pd.DataFrame:
    """One row (layer, head, role) per head; of several roles the first in order."""
    order = {role: number for number, role in enumerate(role_order(roles["role"]))}
    ordered = roles.assign(order=roles["role"].map(order))
    ordered = ordered.sort_values(["layer", "head", "order"], kind="stable")
    return ordered.drop_duplicates(["layer", "head"])[["layer", "head", "role"]]
