"""The conditional sweep: what each head does once other heads are knocked out.

Backup heads act when name movers do not (Wang et al. 2022, arXiv 2211.00593, section
3.4; McGrath et al. 2023, arXiv 2307.15771): patched alone they seem idle. Here some
heads are knocked out, their output being the corrupt run's, and every other head is
patched on top. Both at one position, the one that name movers write at.

`tests/patching/test_knock_out.py` compares every head with hooks on all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from head_patching.models.transformer import Model
from head_patching.patching.chunks import max_rows, only_at, rows_by_position
from head_patching.patching.head_sets import Head, check_sets, sweep_sets
from head_patching.patching.padded import run_together
from head_patching.patching.paths import check_position
from head_patching.patching.readout import empty_results, logit_diffs, read_unpatched
from head_patching.patching.runs import PairBatch, each_pair_once, pairs_per_batch
from head_patching.patching.workers import one_at_a_time, workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import head_name


def knock_out(
    model: Model,
    pairs: PromptPairs,
    knocked_out: Sequence[Head],
    position: str = "END",
    batches: Iterable[PairBatch] | None = None,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> xr.Dataset:
    """What clean runs say with some heads, and one more, put to the corrupt output.

    Parameters
    ----------
    knocked_out
        Heads (layer, head).
    position
        Name of the only position at which heads are patched.
    batches
        The pairs' activations; computed here when None.
    on_progress
        Called with the fraction of the whole work that was just done, from any thread,
        one call at a time.

    Returns
    -------
    xarray.Dataset
        `logit_diff` (layer, head, pair) with the head patched alone at the position;
        `joint_logit_diff`, with the knocked-out heads patched too (NaN for these
        themselves); per pair `knocked_out_logit_diff`, `clean_logit_diff` and
        `corrupt_logit_diff`.

    Raises
    ------
    ValueError
        When no head is given, one is not in the model, or a prompt lacks the position.
    """
    model.require_engine("knocking out heads")
    check_sets(model, [knocked_out])
    check_position(pairs, position)
    alone = empty_results(model, pairs)
    alone.attrs |= {
        "direction": "noising",
        "position": position,
        "knocked_out": "+".join(head_name(*head) for head in knocked_out),
    }
    joint = np.full_like(alone.logit_diff.values, np.nan)
    others = [head for head in model.config.heads if head not in set(knocked_out)]
    if not others:
        raise ValueError("all heads are knocked out: expected at least one to be left")
    sets = [list(knocked_out), *([*knocked_out, head] for head in others)]
    sets += [[head] for head in model.config.heads]
    if batches is None:
        batches = run_together(model, pairs, pairs_per_batch(model, pairs))
    values = np.empty((len(sets), len(pairs)), np.float32)
    report = one_at_a_time(on_progress)

    def patch(part: tuple[PairBatch, int, slice]) -> None:
        batch, at, chosen = part
        found = noise_sets(model, pairs, batch, sets[chosen], at)  # [set batch]
        values[chosen, batch.indices] = found
        report(found.size / values.size)

    with torch.inference_mode(), workers() as run_all:
        for batch in each_pair_once(pairs, batches):
            read_unpatched(model, pairs, batch, alone)
            run_all(patch, parts(pairs, batch, position, len(sets)))
    layers, heads = np.array(others).T
    joint[layers, heads] = values[1 : len(others) + 1]
    alone.logit_diff.values[:] = values[len(others) + 1 :].reshape(joint.shape)
    return alone.assign(
        joint_logit_diff=(("layer", "head", "pair"), joint, {"units": "logit"}),
        knocked_out_logit_diff=("pair", values[0], {"units": "logit"}),
    )


def parts(
    pairs: PromptPairs, batch: PairBatch, position: str, n_sets: int
) -> Iterator[tuple[PairBatch, int, slice]]:
    """Pairs whose position has the same number, that number, and some of the sets."""
    for at, rows in rows_by_position(pairs, batch, position).items():
        alike = batch.select(rows)
        rows_per_set = len(rows) * (batch.clean.n_positions - at)
        step = max(1, max_rows(batch) // rows_per_set)
        for start in range(0, n_sets, step):
            yield alike, at, slice(start, min(start + step, n_sets))


def noise_sets(
    model: Model,
    pairs: PromptPairs,
    batch: PairBatch,
    head_sets: Sequence[Sequence[Head]],
    position: int,
) -> Float[np.ndarray, "set batch"]:
    """logit_diff of clean runs with each set put to the corrupt output.

    Parameters
    ----------
    head_sets
        Sets of heads (layer, head).
    position
        The only position of the batch at which they are patched.
    """
    final = sweep_sets(
        model, batch.clean, batch.corrupt.z, head_sets, position,
        only_at(batch, position),
    )  # fmt: skip
    return logit_diffs(model, pairs, batch, final)
