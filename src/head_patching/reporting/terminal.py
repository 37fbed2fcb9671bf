"""Results in a terminal: a table of the strongest heads and a heat map in ASCII."""

import math
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from head_patching.reporting.rounding import (
    MISSING,
    format_interval,
    format_number,
)
from head_patching.terms import head_name

BAR_WIDTH = 20


@runtime_checkable
class HeadResult(Protocol):
    """One head's effect; `ci_low` and `ci_high` may be there too."""

    layer: int
    head: int
    patching_effect: float


def print_head_results(
    results: Iterable[HeadResult], top_k: int = 15, console: Console | None = None
) -> None:
    """Print the heads of largest absolute effect, with intervals where there are any.

    Ties are broken by layer, then head. The bar shows the size of the effect against
    the largest one, + to the right for a positive and - for a negative effect.
    """
    ranked = sorted(results, key=lambda r: (-abs(r.patching_effect), r.layer, r.head))
    shown = ranked[:top_k]
    largest = max((abs(r.patching_effect) for r in shown), default=0.0) or 1.0
    intervals = [
        format_interval(*_interval(result), digits=3, sign=True) for result in shown
    ]
    table = Table(title=f"Top {len(shown)} of {len(ranked)} heads by |effect|")
    table.add_column("#", justify="right", style="dim")
    table.add_column("head")
    table.add_column("effect", justify="right")
    if any(interval != MISSING for interval in intervals):
        table.add_column("interval", justify="right")
    table.add_column("", min_width=BAR_WIDTH)
    for rank, (result, interval) in enumerate(zip(shown, intervals, strict=True), 1):
        effect = result.patching_effect
        sign, style = ("+", "red") if effect > 0 else ("-", "blue")
        bar = Text(sign * round(BAR_WIDTH * abs(effect) / largest), style=style)
        row = [
            str(rank),
            head_name(result.layer, result.head),
            Text(format_number(effect, 3, sign=True), style=style),
        ]
        if len(table.columns) == 5:
            row.append(interval)
        table.add_row(*row, bar)
    (console or Console()).print(table)


def print_heatmap_ascii(
    heatmap: Iterable[Iterable[float]],
    n_layers: int,
    n_heads: int,
    console: Console | None = None,
) -> None:
    """Print effects in per cent, layer by head, with layer 0 at the bottom.

    Every number has its sign; a dot is an effect that rounds to zero. In colour,
    positive effects are red and negative ones blue, bold from a third of the largest.

    Parameters
    ----------
    heatmap
        Effects, indexed by layer, then head.
    """
    values = [[float(value) for value in row] for row in heatmap]
    if len(values) != n_layers or any(len(row) != n_heads for row in values):
        raise ValueError(
            f"expected a heat map of {n_layers} layers x {n_heads} heads, got "
            f"{len(values)} x {sorted({len(row) for row in values})}"
        )
    finite = [abs(value) for row in values for value in row if math.isfinite(value)]
    largest = max(finite, default=0.0)
    out = console or Console()
    lines = [Text("effect in % of the clean-corrupt logit_diff")]
    for layer in reversed(range(n_layers)):
        line = Text(f"L{layer:<3}|", style="dim")
        for value in values[layer]:
            line.append(*_cell(value, largest))
        lines.append(line)
    lines.append(Text("    +" + "-" * (5 * n_heads), style="dim"))
    lines.append(
        Text("     " + "".join(f"{f'H{h}':>5}" for h in range(n_heads)), style="dim")
    )
    for line in lines:
        out.print(line, no_wrap=True, overflow="ignore", crop=False)


def _interval(result: HeadResult) -> tuple[float, float]:
    """The result's interval, NaN where it has none."""
    bounds = (getattr(result, name, None) for name in ("ci_low", "ci_high"))
    low, high = (math.nan if bound is None else float(bound) for bound in bounds)
    return low, high


def _cell(value: float, largest: float) -> tuple[str, str]:
    """Five characters for one head, and their style."""
    if not math.isfinite(value):
        return "    ?", "dim"
    percent = round(100 * value)
    if percent == 0:
        return "    .", "dim"
    color = "red" if percent > 0 else "blue"
    return f"{percent:+5d}", f"bold {color}" if 3 * abs(value) >= largest else color
