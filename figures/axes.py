"""Layers and heads as numbers along the axes of a panel."""

import numpy as np
from matplotlib.axes import Axes

from figures.style import SMALL


def number_heads(ax: Axes, n_layers: int, n_heads: int, *, middle: float = 0.0) -> None:
    """Layer against head: no spines, no tick marks, the top layer numbered.

    Parameters
    ----------
    n_layers, n_heads
        Of the model.
    middle
        Where the middle of head 0 in layer 0 lies: 0.5 for seaborn's cells.
    """
    heads = range(0, n_heads, 1 if n_heads <= 12 else 2)
    layers = spaced(n_layers, 2 if n_layers > 12 else 1)
    ax.set_xlim(middle - 0.5, middle + n_heads - 0.5)
    ax.set_ylim(middle - 0.5, middle + n_layers - 0.5)
    ax.set_xticks([head + middle for head in heads], heads, rotation=0)
    ax.set_yticks([layer + middle for layer in layers], layers, rotation=0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("head")
    ax.set_ylabel("layer")


def small_numbers(ax: Axes, n_layers: int, n_heads: int) -> None:
    """Fewer and smaller numbers of layers and heads, for one of many small panels."""
    layers = spaced(n_layers, 4 if n_layers > 16 else 2)
    ax.set_xticks(np.arange(0, n_heads, 2) + 0.5, range(0, n_heads, 2))
    ax.set_yticks(np.array(layers) + 0.5, layers)
    ax.tick_params(labelsize=SMALL)


def spaced(n: int, step: int) -> list[int]:
    """Numbers from 0 to n - 1, both among them, that are at least `step` apart.

    Examples
    --------
    >>> spaced(30, 4)
    [0, 4, 8, 12, 16, 20, 24, 29]
    """
    last = n - 1
    return [*(number for number in range(0, n, step) if last - number >= step), last]
