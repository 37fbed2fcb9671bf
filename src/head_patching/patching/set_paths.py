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
from head_patching.patching.chunks import set_parts
from head_patching.patching.head_sets import check_sets
from head_patching.patching.padded import run_together
from head_patching.patching.path_sweep import sweep_paths
from head_patching.patching.paths import check_position, logit_diffs_of_paths
from head_patching.patching.readout import (
    base_and_source,
    empty_results,
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
        The pairs' activations; computed here when None. With heads silenced they are
        runs without these (`Silenced.batch`).
    silenced
        Heads that are silent in the run that is patched, and stay so.

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
        if silenced is not None:
            batches = (silenced.batch(model, pairs, batch) for batch in batches)

    def patch(part: tuple[PairBatch, int | None, slice]) -> None:
        batch, position, sets = part
        count = batch.clean.n_positions
        at = slice(batch.first, count)
        if position is not None:
            at = slice(position, position + 1)
        base, source = base_and_source(batch, direction)
        held = None
        if silenced is not None:
            held = silenced.held(pairs, batch)
        final = sweep_paths(
            model, base, source, ordered[sets], receivers, at, held=held
        )
        values = logit_diffs_of_paths(model, pairs, batch, final, results)
        logit_diff[order[sets][:, None], batch.indices] = values  # [set batch]

    with torch.inference_mode(), workers() as run_all:
        for batch in each_pair_once(pairs, batches):
            read_unpatched(model, pairs, batch, results)
            run_all(patch, set_parts(pairs, batch, receivers.position, len(ordered)))
    values = ("set", "pair"), logit_diff, {"units": "logit"}
    return results.assign(logit_diff=values)
