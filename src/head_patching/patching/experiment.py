"""Head patching experiments: a model and prompt pairs in, effects per pair out."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from head_patching.lookup import one_of
from head_patching.models.transformer import Model
from head_patching.patching.chunks import Chunk, chunks_of
from head_patching.patching.effects import unpatched_logit_diff
from head_patching.patching.findings import (
    HeadResult,
    find_important_heads,
    head_results,
    results_to_heatmap,
)
from head_patching.patching.head_sets import check_sets
from head_patching.patching.propagate import final_residual
from head_patching.patching.readout import (
    METRICS,
    Positions,
    base_and_source,
    empty_results,
    fill_in,
    position_labels,
    read_metrics,
    read_unpatched,
)
from head_patching.patching.runs import (
    DEFAULT_MEMORY_MIB,
    PairBatch,
    each_pair_once,
    pairs_per_batch,
    run_pairs,
)
from head_patching.patching.sweep import sweep_heads
from head_patching.patching.workers import one_at_a_time, workers
from head_patching.tasks.pairs import HasPairs, PromptPairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES, Head


@dataclass(frozen=True)
class HeadPatcher:
    """Patches every head of a model, one at a time, on many prompt pairs at once.

    Parameters
    ----------
    memory_mib
        For the activations of one batch, in MiB.
    """

    model: Model
    memory_mib: int = DEFAULT_MEMORY_MIB

    def run(
        self,
        pairs: PromptPairs,
        patch_type: str = "output",
        direction: str = "denoising",
        positions: Positions = "all",
        metrics: Sequence[str] = ("logit_diff",),
        batches: Iterable[PairBatch] | None = None,
        heads: Collection[Head] | None = None,
        pair_indices: Sequence[int] | None = None,
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> xr.Dataset:
        """What the model says with each head patched, for every pair.

        Parameters
        ----------
        patch_type
            What of a head is replaced: `output` (z), `q`, `k`, `v` or `pattern`; with
            grouped-query attention `k` and `v` per query head (see `deltas`).
        direction
            `denoising` puts clean activations into the corrupt run (sufficiency),
            `noising` corrupt ones into the clean run (necessity).
        positions
            `all`: every position at once. `each`: one result per position. A list of
            names (`IO`, `END`) or numbers: one result per entry.
        metrics
            `logit_diff`, and with it `probability` (of the answer) and `kl`
            (D(clean || patched), in nats).
        batches
            The pairs' cached activations; computed here when None.
        heads
            Heads (layer, head) to patch; all when None. Others are NaN.
        pair_indices
            The pairs that `batches` hold; all when None. Results are of these alone.
        on_progress
            Called with the fraction of the whole work that was just done, from any
            thread, one call at a time.

        Returns
        -------
        xarray.Dataset
            Dimensions (layer, head, pair) and, unless all positions are patched at
            once, position: one variable per metric of the patched runs, and
            `clean_logit_diff` and `corrupt_logit_diff` per pair. A position that a
            pair does not have is NaN.

        Raises
        ------
        ValueError
            When an option is unknown; the message says what is allowed.
        """
        if pair_indices is not None and batches is None:
            raise ValueError("pair_indices say what is in batches: expected batches")
        check_options(patch_type, direction, metrics)
        labels = position_labels(pairs, positions)
        results = empty_results(self.model, pairs, labels, metrics)
        results.attrs |= {
            "patch_type": patch_type,
            "direction": direction,
            "positions": positions if isinstance(positions, str) else "listed",
        }
        self.model.require_engine("patching")
        if batches is None:
            batches = run_pairs(self.model, pairs, self.pairs_per_batch(pairs))
        wanted = sorted(heads) if heads is not None else self.model.config.heads
        check_sets(self.model, [[head] for head in wanted])
        report = one_at_a_time(on_progress)
        n_pairs = len(pairs if pair_indices is None else pair_indices)
        with torch.inference_mode(), workers() as run_all:
            for batch in each_pair_once(pairs, batches, pair_indices):
                read_unpatched(self.model, pairs, batch, results)
                batch_fraction = len(batch.indices) / n_pairs
                run_all(
                    lambda chunk, batch_fraction=batch_fraction: patch_chunk(
                        self.model, pairs, chunk, results,
                        lambda fraction: report(batch_fraction * fraction),
                    ),
                    chunks_of(pairs, batch, labels, wanted),
                )  # fmt: skip
        if pair_indices is not None:
            results = results.isel(pair=sorted(pair_indices))
        return results

    def run_all_heads_experiment(
        self,
        dataset: HasPairs,
        pair_indices: Sequence[int] | None = None,
        patch_type: str = "output",
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> list[HeadResult]:
        """Denoise every head on some pairs of a dataset; one result per head."""
        pairs = dataset.get_clean_corrupt_pairs()
        if pair_indices is not None:
            pairs = pairs.select(pair_indices)
        return head_results(self.run(pairs, patch_type, on_progress=on_progress))

    results_to_heatmap = staticmethod(results_to_heatmap)
    find_important_heads = staticmethod(find_important_heads)

    def pairs_per_batch(self, pairs: PromptPairs) -> int:
        """How many pairs of the longest prompts fit the memory setting."""
        return pairs_per_batch(self.model, pairs, self.memory_mib)


def check_options(patch_type: str, direction: str, metrics: Sequence[str]) -> None:
    """Refuse a name that is not in its register; the message says what is allowed."""
    one_of("patch type", patch_type, PATCH_TYPES)
    one_of("direction", direction, DIRECTIONS)
    for metric in metrics:
        one_of("metric", metric, METRICS)


def patch_chunk(
    model: Model,
    pairs: PromptPairs,
    chunk: Chunk,
    results: xr.Dataset,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Fill in the results of one chunk of a batch.

    Parameters
    ----------
    results
        As `empty_results` made it, with the unpatched runs read; its attributes say
        what is patched.
    on_progress
        Called with the fraction of the batch's work that was just done.
    """
    batch, n_layers = chunk.batch, model.config.n_layers
    base, source = base_and_source(batch, results.attrs["direction"])

    def report(layer: int) -> None:
        on_progress(chunk.fraction * (2 * layer + 1) / n_layers**2)

    final = sweep_heads(
        model, base, source, results.attrs["patch_type"], chunk.first, chunk.heads,
        chunk.mask, report,
    )  # fmt: skip
    metrics = [name for name in METRICS if name in results]
    read = read_metrics(model, pairs, batch, final, metrics)
    # Rounding depends on which prompts share a batch: a patch that adds nothing takes
    # the very value of the unpatched run.
    unpatched = unpatched_logit_diff(results).values[batch.indices]
    same = (final == final_residual(model, base)).all(dim=-1).cpu().numpy()
    read["logit_diff"] = np.where(same, unpatched, read["logit_diff"])
    fill_in(results, chunk.heads, batch.indices, chunk.position_index, read)
