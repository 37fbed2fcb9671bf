"""The conditional sweep: what each head does once other heads are knocked out.

Backup heads act when name movers do not (Wang et al. 2022, arXiv 2211.00593, section
3.4; McGrath et al. 2023, arXiv 2307.15771): patched alone they seem idle. Here some
heads are knocked out, and every other head is patched on top. To knock out and to patch
mean the same here: in the clean run the head's output is replaced by the corrupt run's,
at one position, the one that name movers write at.

`tests/patching/test_knock_out.py` compares every head with hooks on all of them.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from head_patching.models.transformer import Model
from head_patching.patching.chunks import only_at, set_parts
from head_patching.patching.head_sets import check_sets, sweep_sets
from head_patching.patching.padded import run_together
from head_patching.patching.paths import check_position
from head_patching.patching.readout import empty_results, logit_diffs, read_unpatched
from head_patching.patching.runs import PairBatch, each_pair_once, pairs_per_batch
from head_patching.patching.workers import one_at_a_time, workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head, head_name


def knock_out(
    model: Model,
    pairs: PromptPairs,
    knocked_out: Sequence[Head],
    position: str = "END",
    batches: Iterable[PairBatch] | None = None,
    heads: Sequence[Head] | None = None,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> xr.Dataset:
    """logit_diff of clean runs with some heads knocked out, and each other head too.

    Parameters
    ----------
    knocked_out
        Heads (layer, head), knocked out together.
    position
        Name of the only position at which outputs are replaced by the corrupt run's.
    batches
        The pairs' activations; computed here when None.
    heads
        The heads that are patched besides (None: all); the others' values are NaN.
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
    results = empty_results(model, pairs)
    results.attrs |= {
        "direction": "noising",
        "position": position,
        "knocked_out": "+".join(head_name(*head) for head in knocked_out),
    }
    chosen = model.config.heads if heads is None else sorted(heads)
    others = [head for head in chosen if head not in set(knocked_out)]
    if not others:
        raise ValueError("all heads are knocked out: expected at least one to be left")
    check_sets(model, [others])
    joint_sets = [[*knocked_out, head] for head in others]
    single_sets = [[head] for head in chosen]
    head_sets = [list(knocked_out), *joint_sets, *single_sets]
    if batches is None:
        batches = run_together(model, pairs, pairs_per_batch(model, pairs))
    logit_diff = np.empty((len(head_sets), len(pairs)), np.float32)  # [set pair]
    report = one_at_a_time(on_progress)

    def patch(part: tuple[PairBatch, int, slice]) -> None:
        batch, pos, sets = part
        of_part = noised_logit_diff(model, pairs, batch, head_sets[sets], pos)
        logit_diff[sets, batch.indices] = of_part  # [set batch]
        report(of_part.size / logit_diff.size)

    with torch.inference_mode(), workers() as run_all:
        for batch in each_pair_once(pairs, batches):
            read_unpatched(model, pairs, batch, results)
            run_all(patch, set_parts(pairs, batch, position, len(head_sets)))
    # In the order of head_sets: [1 pair], [other pair], [chosen pair].
    knocked_out_only, joint, single = np.split(logit_diff, [1, 1 + len(others)])
    joint_of_head = np.full_like(results.logit_diff.values, np.nan)  # [layer head pair]
    layers, heads = np.array(others).T
    joint_of_head[layers, heads] = joint
    layers, heads_of = np.array(chosen).T
    results.logit_diff.values[layers, heads_of] = single
    return results.assign(
        joint_logit_diff=(("layer", "head", "pair"), joint_of_head, {"units": "logit"}),
        knocked_out_logit_diff=("pair", knocked_out_only[0], {"units": "logit"}),
    )


def noised_logit_diff(
    model: Model,
    pairs: PromptPairs,
    batch: PairBatch,
    head_sets: Sequence[Sequence[Head]],
    pos: int,
) -> Float[np.ndarray, "set batch"]:
    """logit_diff of clean runs with each set's outputs replaced by the corrupt run's.

    Parameters
    ----------
    head_sets
        Sets of heads (layer, head), the heads of each patched together.
    pos
        The only position of the batch at which they are patched, padding counted.
    """
    final = sweep_sets(
        model, batch.clean, batch.corrupt.z, head_sets, pos, only_at(batch, pos)
    )  # [set batch d_model]
    return logit_diffs(model, pairs, batch, final)
