"""Pairs of any length in one batch: the shorter prompts have padding before them.

Batches of one length are a few prompts each. Where only a few positions of them are
patched, they make small products, which take up to twice as long. All positions that
are named by their distance from END fall together here, and nothing attends to padding.

`tests/patching/test_padded.py` proves runs and patches equal to those without.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model, forward
from head_patching.patching.runs import PairBatch, group_pairs
from head_patching.tasks.pairs import PromptPair, PromptPairs, first_difference

# A token that is in every vocabulary.
PADDING = 0


def run_together(
    model: Model, pairs: PromptPairs, pairs_per_batch: int
) -> Iterator[PairBatch]:
    """Both runs of every pair, in as few batches as the number allows."""
    alike = [index for group in group_pairs(pairs).values() for index in group]
    for start in range(0, len(alike), pairs_per_batch):
        yield run_padded(model, pairs, alike[start : start + pairs_per_batch])


def run_padded(model: Model, pairs: PromptPairs, indices: Sequence[int]) -> PairBatch:
    """Both runs of some pairs.

    Raises
    ------
    ValueError
        When the model's activations are not finite.
    """
    chosen = [pairs[index] for index in indices]
    missing, tokens = padded_tokens(chosen)
    firsts = [
        first_difference(pair) + count
        for pair, count in zip(chosen, missing, strict=True)
    ]
    with torch.no_grad():
        both = forward(
            model,
            torch.tensor(tokens, device=model.device),
            padding=torch.tensor(missing * 2, device=model.device),
        )
    n = len(chosen)
    clean, corrupt = both.select(slice(0, n)), both.select(slice(n, 2 * n))
    corrupt = alike_before(firsts, clean, corrupt)
    batch = PairBatch(list(indices), firsts, clean, corrupt)
    batch.require_finite(model)
    return batch


def padded_tokens(
    chosen: Sequence[PromptPair],
) -> tuple[list[int], list[tuple[int, ...]]]:
    """How many positions each pair lacks; the clean prompts, then the corrupt ones."""
    longest = max(len(pair.clean_tokens) for pair in chosen)
    missing = [longest - len(pair.clean_tokens) for pair in chosen]
    prompts = [pair.clean_tokens for pair in chosen]
    prompts += [pair.corrupt_tokens for pair in chosen]
    tokens = [
        (*[PADDING] * count, *prompt)
        for prompt, count in zip(prompts, missing * 2, strict=True)
    ]
    return missing, tokens


def alike_before(
    firsts: Sequence[int], clean: Activations, corrupt: Activations
) -> Activations:
    """The corrupt run with the clean one's values before the first difference.

    Rounding depends on a prompt's row in the batch; a patch there must add nothing.
    """
    places = torch.arange(clean.n_positions, device=clean.z.device)
    before = places < torch.tensor(firsts, device=places.device)[:, None]

    def shared(name: str, tensor: Tensor) -> Tensor:
        where = before[:, None, :] if name == "pattern" else before
        where = where.reshape(*where.shape, *[1] * (tensor.ndim - 1 - where.ndim))
        return torch.where(where, getattr(clean, name), tensor)

    parts = {name: shared(name, tensor) for name, tensor in corrupt.by_layer()}
    return replace(corrupt, **parts)


def by_length(batch: PairBatch) -> Iterator[PairBatch]:
    """The batch by the lengths of its prompts: without padding, and without copies."""
    for padding, rows in groupby(range(len(batch.indices)), batch.padding.__getitem__):
        some = batch.select(list(rows))
        clean, corrupt = (run.after(padding) for run in (some.clean, some.corrupt))
        firsts = [first - padding for first in some.firsts]
        yield PairBatch(some.indices, firsts, clean, corrupt)
