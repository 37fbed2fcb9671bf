"""Path patching: what a head does to the answer by way of given receivers.

Sets of heads patched together along a path are in `set_paths`.

Path patching (Wang et al. 2022, arXiv 2211.00593, section 3.1 and appendix B) follows
the direct paths from a sender. With the activations of both runs at hand:

1. the sender's output is the source run's, all other heads' outputs are frozen at the
   base run's, and the receivers are read: the q, k or v of some heads, or the final
   residual stream;
2. in a fresh base run only these inputs of the receivers are replaced by what was read,
   everything else is computed again, and logit_diff is read at END.

With all other heads frozen, what a sender does at one position arrives at that position
only: a sender patched at `S2` does not reach queries at `END`.

`tests/patching/test_paths.py` compares every sender with the paper's four passes, run
by TransformerLens's hooks.
"""

from collections.abc import Callable, Collection, Iterable

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.lookup import one_of
from head_patching.models.transformer import Model
from head_patching.patching.chunks import Chunk, chunks_of, label_positions
from head_patching.patching.effects import unpatched_logit_diff
from head_patching.patching.head_sets import check_sets
from head_patching.patching.padded import run_together
from head_patching.patching.path_sweep import MLP_MODES, sweep_paths
from head_patching.patching.propagate import final_residual
from head_patching.patching.readout import (
    PositionLabel,
    base_and_source,
    empty_results,
    fill_in,
    logit_diffs,
    position_labels,
    read_unpatched,
)
from head_patching.patching.receivers import Receivers
from head_patching.patching.runs import PairBatch, each_pair_once, pairs_per_batch
from head_patching.patching.workers import one_at_a_time, workers
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, Head


def path_effects(
    model: Model,
    pairs: PromptPairs,
    direction: str,
    receivers: Receivers | str,
    senders: Collection[Head] | None = None,
    sender_position: PositionLabel = None,
    mlps: str = "recomputed",
    batches: Iterable[PairBatch] | None = None,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> xr.Dataset:
    """What the model says with the path from each head to the receivers patched.

    Parameters
    ----------
    direction
        `noising`, as in the paper, puts the corrupt run's sender into the clean run;
        `denoising` is the reverse.
    receivers
        Some heads' inputs, or `logits` for the direct effect on the answer.
    senders
        Heads (layer, head), each patched alone; all when None.
    sender_position
        Name or number of the only position at which senders are patched, in each
        prompt its own (None: everywhere).
    mlps
        Those between sender and receivers: `recomputed`, as in the paper, so that ways
        through them count as direct, or `frozen` like the heads.
    batches
        The pairs' cached activations; computed here when None.
    on_progress
        Called with the fraction of the whole work that was just done, from any thread,
        one call at a time.

    Returns
    -------
    xarray.Dataset
        As `HeadPatcher.run`: `logit_diff` with dimensions (layer, head, pair), of the
        sender, and `clean_logit_diff` and `corrupt_logit_diff` per pair. Where nothing
        arrives (a sender in the receivers' layer or above, or not among `senders`),
        logit_diff is exactly the unpatched run's.

    Raises
    ------
    ValueError
        When an option is unknown, a head is not in the model, or a prompt lacks a
        position; the message says what is allowed.
    """
    model.require_engine("path patching")
    one_of("direction", direction, DIRECTIONS)
    one_of("mlps", mlps, MLP_MODES)
    receiver_position, receiving = None, []
    if isinstance(receivers, Receivers):
        receiver_position, receiving = receivers.position, list(receivers.heads)
    else:
        one_of("receivers", receivers, ("logits",))
    wanted = model.config.heads if senders is None else sorted(senders)
    check_sets(model, [[head] for head in wanted + receiving])
    for label in (sender_position, receiver_position):
        check_position(pairs, label)
    results = empty_results(model, pairs)
    results.attrs |= {
        "method": "path patching",
        "direction": direction,
        "receivers": str(receivers),
        "sender_position": "all" if sender_position is None else str(sender_position),
        "mlps": mlps,
    }
    if batches is None:
        batches = run_together(model, pairs, pairs_per_batch(model, pairs))
    report = one_at_a_time(on_progress)
    with torch.inference_mode(), workers() as run_all:
        for batch in each_pair_once(pairs, batches):
            read_unpatched(model, pairs, batch, results)
            fill_in_unpatched(batch, results)
            batch_fraction = len(batch.indices) / len(pairs)

            def patch(chunk: Chunk, batch_fraction: float = batch_fraction) -> None:
                patch_chunk(model, pairs, chunk, receivers, sender_position, results)
                report(batch_fraction * chunk.fraction)

            run_all(patch, chunks_of(pairs, batch, [receiver_position], wanted))
    return results


def patch_chunk(
    model: Model,
    pairs: PromptPairs,
    chunk: Chunk,
    receivers: Receivers | str,
    sender_position: PositionLabel,
    results: xr.Dataset,
) -> None:
    """Fill in the results of some senders on some pairs.

    Parameters
    ----------
    chunk
        The senders and the pairs.
    sender_position
        Where senders are patched (None: everywhere).
    results
        With the unpatched run's logit_diff, which stays where nothing arrives.
    """
    batch = chunk.batch
    base, source = base_and_source(batch, results.attrs["direction"])
    final = sweep_paths(
        model, base, source, [[head] for head in chunk.heads], receivers,
        receiver_pos=receiver_positions(chunk, receivers),
        sender_mask=position_mask(pairs, batch, sender_position),
        mlps=results.attrs["mlps"],
    )  # fmt: skip
    values = {"logit_diff": logit_diffs_of_paths(model, pairs, batch, final, results)}
    fill_in(results, chunk.heads, batch.indices, chunk.position_index, values)


def logit_diffs_of_paths(
    model: Model,
    pairs: PromptPairs,
    batch: PairBatch,
    final: Float[Tensor, "sender batch d_model"],
    results: xr.Dataset,
) -> Float[np.ndarray, "sender batch"]:
    """logit_diff with each sender's paths patched.

    Rounding depends on which prompts share a batch: where nothing arrives, the very
    value of the unpatched run stays, which is in the results.
    """
    base, _ = base_and_source(batch, results.attrs["direction"])
    read = logit_diffs(model, pairs, batch, final)
    unpatched = unpatched_logit_diff(results).values[batch.indices]
    same = (final == final_residual(model, base)).all(dim=-1).cpu().numpy()
    return np.where(same, unpatched, read)


def receiver_positions(chunk: Chunk, receivers: Receivers | str) -> slice:
    """Positions of the receivers, the same in all prompts of a chunk (logits: END)."""
    count = chunk.batch.clean.n_positions
    if not isinstance(receivers, Receivers):
        return slice(count - 1, count)
    if chunk.position is None:
        return slice(chunk.batch.first, count)
    return slice(chunk.position, chunk.position + 1)


def position_mask(
    pairs: PromptPairs, batch: PairBatch, label: PositionLabel
) -> Bool[Tensor, "batch position"] | None:
    """True at each prompt's own position of a name or number (None: everywhere)."""
    if label is None:
        return None
    device = batch.clean.z.device
    own = torch.tensor(label_positions(pairs, batch, label), device=device)  # [batch]
    return torch.arange(batch.clean.n_positions, device=device) == own[:, None]


def fill_in_unpatched(batch: PairBatch, results: xr.Dataset) -> None:
    """Give every sender the logit_diff of the run that is patched."""
    unpatched = unpatched_logit_diff(results).values[batch.indices]
    results.logit_diff.values[:, :, batch.indices] = unpatched


def check_position(pairs: PromptPairs, label: PositionLabel) -> None:
    """Refuse a position that is unknown, or that a prompt is too short to have."""
    if label is None:
        return
    position_labels(pairs, [label])
    shortest = min(range(len(pairs)), key=lambda index: len(pairs[index].clean_tokens))
    count = len(pairs[shortest].clean_tokens)
    if not isinstance(label, str) and label >= count:
        raise ValueError(
            f"position {label}: pair {shortest} has only {count} tokens, expected a "
            f"name or 0 to {count - 1}"
        )
