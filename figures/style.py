"""The look of all figures: size, type, colours, legends, and how a figure is saved.

Figures are drawn at the width of the text and included unscaled, so that 9 pt in a
figure is 9 pt on paper. Nothing is set at import: `figure_style()` is the only style,
also of what seaborn draws. Nothing else in the project calls `savefig`.
"""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D

from figures.heads import role_order
from head_patching.files.writing import atomic, write_csv
from head_patching.terms import DIRECTIONS, NO_ROLE, ROLES, RUNS, UNDECIDED

TEXT_WIDTH = 6.0  # inches; \textwidth of paper/standalone.tex
PNG_DPI = 200
SMALL = 6.5  # points; no text of a figure is smaller

# Paul Tol's "muted" scheme, distinct with any colour vision:
# https://personal.sron.nl/~pault/ (technical note SRON/EPS/TN/09-002, issue 3.2)
MUTED = (
    "#332288", "#88CCEE", "#882255", "#AA4499",
    "#117733", "#CC6677", "#DDCC77", "#44AA99",
)  # fmt: skip
ROLE_COLORS = dict(zip(ROLES, MUTED, strict=True))
ROLE_COLORS |= {UNDECIDED: "#AAAAAA", NO_ROLE: "#EEEEEE"}
OTHER_ROLE_COLOR = "#999933"  # same scheme; for roles that a user adds

# Directions differ in their marker, since a colour says the role.
DIRECTION_MARKERS = dict(zip(DIRECTIONS, "oD", strict=True))
DIRECTION_TITLES = {
    each.name: f"{each.name}: {each.source} into {each.base}"
    for each in DIRECTIONS.values()
}
# Neither red nor blue, which say the sign of an effect; readable in greyscale too.
RUN_COLORS = dict(zip(RUNS, ("#222222", "#DDAA33"), strict=True))

EFFECT = "effect: share of the clean\N{EN DASH}corrupt logit difference moved"
EFFECT_CMAP = "RdBu_r"  # ColorBrewer, colour-blind safe; red raises the effect

# Markers of legends in the manner of the dots: outlined, not joined.
DOT = {"linestyle": "none", "markeredgecolor": "black", "markeredgewidth": 0.5}


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
        settle_layout(fig)
        with atomic(path) as temporary:
            fig.savefig(temporary, format="pdf", metadata={"CreationDate": None})
        with atomic(path.with_suffix(".png")) as temporary:
            fig.savefig(
                temporary, format="png", dpi=PNG_DPI, metadata={"Software": None}
            )
    write_csv(path.with_suffix(".csv"), data)
    plt.close(fig)


def settle_layout(fig: Figure) -> None:
    """Lay the figure out once and for all, equal for both formats.

    Names that are placed by the final size of a panel rely on it.
    """
    engine = fig.get_layout_engine()
    if engine is not None and not isinstance(engine, PlaceHolderLayoutEngine):
        fig.draw_without_rendering()
        fig.set_layout_engine("none")


def text_color(rgba: tuple[float, float, float, float]) -> str:
    """Black or white, whichever is readable on the colour (ITU-R BT.709 luminance)."""
    red, green, blue = rgba[:3]
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "white"


def role_color(role: str) -> str:
    """The fixed colour of a role."""
    return ROLE_COLORS.get(role, OTHER_ROLE_COLOR)


def role_palette(roles: Iterable[str]) -> dict[str, str]:
    """The colours of these roles, as seaborn takes them."""
    return {role: role_color(role) for role in role_order(roles)}


def role_handles(roles: Iterable[str], marker: str = "s") -> list[Line2D]:
    """Legend entries of the roles that occur."""
    return [
        Line2D([], [], marker=marker, color=color, label=role, **DOT)
        for role, color in role_palette(roles).items()
    ]
