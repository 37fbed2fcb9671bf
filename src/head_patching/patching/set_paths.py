"""Path patching of sets of heads: what several senders do together along a path.

As `paths`, but each sender is a set of heads whose outputs are patched together. Heads
that do one job in parallel show along a path only when all of them are patched.

`tests/patching/test_set_paths.py` compares sets with the paper's four passes, run by
TransformerLens's hooks.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import xarray as xr

from head_patching.lookup import one_of
from head_patching.models.transformer import Model
from head_patching.patching.chunks import rows_patched_alike, vectors_per_chunk
from head_patching.patching.effects import unpatched_logit_diff
from head_patching.patching.head_sets import check_sets
from head_patching.patching.padded import run_together
from head_patching.patching.path_sweep import sweep_paths
from head_patching.patching.paths import check_position, position_mask
from head_patching.patching.propagate import final_residual
from head_patching.patching.readout import (
    base_and_source,
    empty_results,
    logit_diffs,
    read_unpatched,
)
from head_patching.patching.receivers import Receivers
from head_patching.patching.replaced import Silenced
from head_patching.patching.runs import PairBatch, each_pair_once, pairs_per_batch
from head_patching.patching.workers import workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, Head


def set_path_effects(
    model: Model,
    pairs: PromptPairs,
    direction: str,
    receivers: Receivers,
    sender_sets: Sequence[Sequence[Head]],
    batches: Iterable[PairBatch] | None = None,
    silenced: Silenced | None = None,
) -> xr.Dataset:
    """What the model says with the paths from each set of heads patched.

    Parameters
    ----------
    direction
        `noising` puts the corrupt run's senders into the clean run; `denoising` is the
        reverse.
    receivers
        The inputs of some heads, at one position or at all.
    sender_sets
        Sets of heads (layer, head). The outputs of a set are patched together, at all
        positions that reach the receivers; all other heads are frozen on the way.
    batches
        The pairs' activations; computed here when None.
    silenced
        Heads that are silent meanwhile: the run that is patched is one without them.

    Returns
    -------
    xarray.Dataset
        `logit_diff` with dimensions (set, pair), `clean_logit_diff` and
        `corrupt_logit_diff` per pair. Where nothing arrives, logit_diff is exactly the
        unpatched run's.

    Raises
    ------
    ValueError
        When an option is unknown, a set is empty or names a head that is not there, or
        a prompt lacks the position.
    """
    model.require_engine("path patching")
    one_of("direction", direction, DIRECTIONS)
    check_sets(model, [*sender_sets, list(receivers.heads)])
    check_position(pairs, receivers.position)
    results = empty_results(model, pairs).drop_vars("logit_diff")
    results.attrs |= {"direction": direction, "receivers": str(receivers)}
    lowest = [min(layer for layer, _ in heads) for heads in sender_sets]
    order = np.argsort(lowest, kind="stable")
    ordered = [sender_sets[index] for index in order]
    logit_diff = np.empty((len(ordered), len(pairs)), np.float32)  # [set pair]
    if batches is None:
        batches = run_together(model, pairs, pairs_per_batch(model, pairs))

    def patch(part: tuple[PairBatch, int | None, slice]) -> None:
        batch, position, sets = part
        count = batch.clean.n_positions
        at = slice(batch.first, count)
        if position is not None:
            at = slice(position, position + 1)
        base, source = base_and_source(batch, direction)
        held = None
        if silenced is not None:
            held = silenced.held(batch, position_mask(pairs, batch, silenced.position))
        final = sweep_paths(
            model, base, source, ordered[sets], receivers, at, held=held
        )
        read = logit_diffs(model, pairs, batch, final)  # [set batch]
        same = (final == final_residual(model, base)).all(dim=-1).cpu().numpy()
        unpatched = unpatched_logit_diff(results).values[batch.indices]
        values = np.where(same, unpatched, read)
        logit_diff[order[sets][:, None], batch.indices] = values

    with torch.inference_mode(), workers() as run_all:
        for batch in each_pair_once(pairs, batches):
            if silenced is not None:
                mask = position_mask(pairs, batch, silenced.position)
                batch = silenced.batch(model, batch, mask)
            read_unpatched(model, pairs, batch, results)
            run_all(patch, parts(pairs, batch, receivers.position, len(ordered)))
    values = ("set", "pair"), logit_diff, {"units": "logit"}
    return results.assign(logit_diff=values)


def parts(
    pairs: PromptPairs, batch: PairBatch, position: str | int | None, n_sets: int
) -> Iterable[tuple[PairBatch, int | None, slice]]:
    """The work on a batch, in parts for threads: rows, their position, a slice of sets.

    The rows of a part are pairs in which the label `position` means the same position.
    """
    for at, rows in rows_patched_alike(pairs, batch, position):
        alike = batch.select(rows)
        first = batch.first if at is None else at
        vectors_per_set = len(rows) * (batch.clean.n_positions - first)
        sets_per_part = max(1, vectors_per_chunk(batch) // vectors_per_set)
        for start in range(0, n_sets, sets_per_part):
            yield alike, at, slice(start, min(start + sets_per_part, n_sets))
