"""Head patching experiments: a model and prompt pairs in, effects per pair out."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
import xarray as xr

from head_patching.lookup import find
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.deltas import PATCH_TYPES
from head_patching.patching.fallback import patch_by_hooks, warn_of_fallback
from head_patching.patching.findings import (
    HeadResult,
    find_important_heads,
    head_results,
    results_to_heatmap,
)
from head_patching.patching.head_sets import Head, check_sets
from head_patching.patching.lanes import lanes, one_at_a_time
from head_patching.patching.propagate import final_residual
from head_patching.patching.runs import PairBatch, each_pair_once, run_pairs
from head_patching.patching.shares import Label, Share, shares
from head_patching.patching.sweep import METRICS, answer_tokens, read_out, sweep_heads
from head_patching.tasks.pairs import HasPairs, PromptPairs

Direction = Literal["denoising", "noising"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Positions = Literal["all", "each"] | Sequence[str | int]

UNITS = {"logit_diff": "logit", "probability": "1", "kl": "nat"}

# Memory for the activations of one batch.
DEFAULT_MEMORY_MIB = 512


@dataclass(frozen=True)
class HeadPatcher:
    """Patches every head of a model, one at a time, on many prompt pairs at once."""

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
        on_progress: Callable[[float], None] = lambda share: None,
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
            Called with the share of the whole work that was just done, from any
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
        find("patch type", patch_type, dict.fromkeys(PATCH_TYPES))
        find("direction", direction, dict.fromkeys(DIRECTIONS))
        for metric in metrics:
            find("metric", metric, dict.fromkeys(METRICS))
        labels = position_labels(pairs, positions)
        results = empty_results(self.model, pairs, labels, metrics)
        results.attrs |= {
            "patch_type": patch_type,
            "direction": direction,
            "positions": positions if isinstance(positions, str) else "listed",
        }
        if self.model.failed_checks:
            if heads is not None:
                self.model.require_engine("patching some heads only")
            if pair_indices is not None:
                self.model.require_engine("patching some pairs only")
            warn_of_fallback(self.model, self.model.failed_checks)
            patch_by_hooks(self.model, pairs, labels, results, on_progress)
            return without_position(results, positions)
        if batches is None:
            batches = run_pairs(self.model, pairs, self.pairs_per_batch(pairs))
        wanted = sorted(heads) if heads is not None else self.model.config.heads
        check_sets(self.model, [[head] for head in wanted])
        report = one_at_a_time(on_progress)
        n_pairs = len(pairs if pair_indices is None else pair_indices)
        with torch.inference_mode(), lanes() as run_lanes:
            for batch in each_pair_once(pairs, batches, pair_indices):
                read_unpatched(self.model, pairs, batch, results)
                part = len(batch.indices) / n_pairs
                run_lanes(
                    lambda share, part=part: patch_share(
                        self.model, pairs, share, results,
                        lambda done: report(part * done),
                    ),
                    shares(pairs, batch, labels, wanted),
                )  # fmt: skip
        if pair_indices is not None:
            results = results.isel(pair=sorted(pair_indices))
        return without_position(results, positions)

    def run_all_heads_experiment(
        self,
        dataset: HasPairs,
        pair_indices: Sequence[int] | None = None,
        patch_type: str = "output",
        on_progress: Callable[[float], None] = lambda share: None,
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
        longest = max(len(pair.clean_tokens) for pair in pairs)
        per_pair = 2 * self.model.config.activation_bytes(longest)
        return max(1, self.memory_mib * 2**20 // per_pair)


def position_labels(pairs: PromptPairs, positions: Positions) -> list[Label]:
    """One label per result: None for all positions at once, else a name or number."""
    longest = max(len(pair.clean_tokens) for pair in pairs)
    if positions == "all":
        return [None]
    if positions == "each":
        return list(range(longest))
    if isinstance(positions, str):
        find("positions", positions, dict.fromkeys(("all", "each")))
    for position in positions:
        if isinstance(position, str):
            find("position", position, dict.fromkeys(pairs.position_names))
        elif not 0 <= position < longest:
            raise ValueError(
                f"position {position}: expected 0 to {longest - 1}, the last token "
                "of the longest prompt"
            )
    return list(positions)


def empty_results(
    model: Model, pairs: PromptPairs, labels: list[Label], metrics: Sequence[str]
) -> xr.Dataset:
    """The result with its axes, coordinates and units, still without values."""
    config = model.config
    axes = ("layer", "head", "pair", "position")
    shape = (config.n_layers, config.n_heads, len(pairs), len(labels))
    coordinates = {
        "layer": np.arange(config.n_layers),
        "head": np.arange(config.n_heads),
        "pair": np.arange(len(pairs)),
        "position": [str(label) for label in labels],
        "template": ("pair", list(pairs.templates)),
    }
    patched = {
        name: (axes, np.full(shape, np.nan, np.float32), {"units": UNITS[name]})
        for name in METRICS
        if name in metrics or name == "logit_diff"
    }
    unpatched = {
        f"{run}_logit_diff": ("pair", np.full(len(pairs), np.nan, np.float32), units)
        for run in ("clean", "corrupt")
        for units in [{"units": UNITS["logit_diff"]}]
    }
    attributes = {
        "model": config.name,
        "task": pairs.task,
        "corruption": pairs.corruption,
        "prepend_bos": str(pairs.prepend_bos),
        # Runs that were not computed alike are no shards of one run.
        "device": model.device.type,
        "dtype": str(model.W_E.dtype).removeprefix("torch."),
    }
    return xr.Dataset(patched | unpatched, coordinates, attributes)


def without_position(results: xr.Dataset, positions: Positions) -> xr.Dataset:
    """The results, without the axis of positions when all were patched at once."""
    return results.isel(position=0, drop=True) if positions == "all" else results


def read_unpatched(
    model: Model, pairs: PromptPairs, batch: PairBatch, results: xr.Dataset
) -> None:
    """Fill in logit_diff of the clean and the corrupt run."""
    answer, wrong_answer = answer_tokens(model, pairs, batch.indices)
    for name, run in (("clean", batch.clean), ("corrupt", batch.corrupt)):
        final = final_residual(model, run)[None]
        read = read_out(
            model, final, answer, wrong_answer, run.final_logits, ("logit_diff",)
        )
        values = results[f"{name}_logit_diff"].values
        values[batch.indices] = read["logit_diff"][0].cpu().numpy()


def patch_share(
    model: Model,
    pairs: PromptPairs,
    share: Share,
    results: xr.Dataset,
    on_progress: Callable[[float], None],
) -> None:
    """Fill in the results of one share of the work."""
    batch, n_layers = share.batch, model.config.n_layers
    direction = results.attrs["direction"]
    base, source = base_and_source(batch, direction)
    final = sweep_heads(
        model, base, source, results.attrs["patch_type"], share.first, share.heads,
        share.mask,
        on_layer=lambda layer: on_progress(share.work * (2 * layer + 1) / n_layers**2),
    )  # fmt: skip
    answers = answer_tokens(model, pairs, batch.indices)
    metrics = [name for name in METRICS if name in results]
    read = read_out(model, final, *answers, batch.clean.final_logits, metrics)
    # Rounding depends on the company a prompt was computed in: a patch that adds
    # nothing takes the very value of the unpatched run.
    run = "corrupt" if direction == "denoising" else "clean"
    unpatched = results[f"{run}_logit_diff"].values[batch.indices]
    same = (final == final_residual(model, base)).all(dim=-1).cpu().numpy()
    layers, heads = np.array(share.heads).T
    for name, values in read.items():
        by_head = values.cpu().numpy()
        if name == "logit_diff":
            by_head = np.where(same, unpatched, by_head)
        cells = layers[:, None], heads[:, None], np.array(batch.indices), share.column
        results[name].values[cells] = by_head


def base_and_source(
    batch: PairBatch, direction: str
) -> tuple[Activations, Activations]:
    """The run that is patched, and the run that patches come from."""
    find("direction", direction, dict.fromkeys(DIRECTIONS))
    if direction == "denoising":
        return batch.corrupt, batch.clean
    return batch.clean, batch.corrupt
