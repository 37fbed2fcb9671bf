"""From per-pair results to one finding per head: its effect, interval and rank."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from head_patching.patching.effects import effects_of
from head_patching.statistics import Statistics
from head_patching.terms import head_name


@dataclass(frozen=True)
class HeadResult:
    """One head's effect over all pairs, with its bootstrap interval."""

    layer: int
    head: int
    patching_effect: float
    ci_low: float
    ci_high: float

    @property
    def name(self) -> str:
        """The head as the chapter writes it, `L9H6`."""
        return head_name(self.layer, self.head)


def head_results(
    dataset: xr.Dataset, n_resamples: int = 1000, seed: int = 0
) -> list[HeadResult]:
    """One result per head, in the order (layer, head)."""
    table = effects_of(dataset, Statistics(n_resamples, seed=seed))
    columns = ["layer", "head", "effect", "ci_low", "ci_high"]
    return [HeadResult(*row) for row in table[columns].itertuples(index=False)]


def results_to_heatmap(
    results: Sequence[HeadResult],
) -> Float[np.ndarray, "layer head"]:
    """Effects as an array; heads without a result are NaN."""
    n_layers = max(result.layer for result in results) + 1
    n_heads = max(result.head for result in results) + 1
    heatmap = np.full((n_layers, n_heads), np.nan)
    for result in results:
        heatmap[result.layer, result.head] = result.patching_effect
    return heatmap


def find_important_heads(
    results: Sequence[HeadResult], threshold: float = 0.05
) -> list[HeadResult]:
    """Heads whose effect is larger than the threshold either way, largest first.

    A first look at the size alone. In the tables and the text an important effect is
    besides significantly different from zero (`effects.is_important`), and its
    threshold is the config's.
    """
    beyond = [result for result in results if abs(result.patching_effect) > threshold]
    return sorted(beyond, key=lambda r: (-abs(r.patching_effect), r.layer, r.head))
