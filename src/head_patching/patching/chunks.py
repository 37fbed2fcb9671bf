"""Chunks: the patches of a batch, cut into parts that threads work on side by side."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from head_patching.patching.readout import PositionLabel
from head_patching.patching.runs import PairBatch
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head

# Residual vectors, one for each head, pair and position, that are patched in one chunk:
# enough for large products, few enough to keep all threads busy to the end and the
# residual streams small.
VECTORS_PER_CHUNK = 6000
VECTORS_PER_CHUNK_ON_GPU = 200_000

# A batch of fewer chunks is cut by heads too, so that no thread is idle: unless it has
# so few vectors that its products would become small.
MIN_CHUNKS, VECTORS_WORTH_CUTTING = 2, 1000


@dataclass(frozen=True)
class Chunk:
    """Some heads, each patched alone on some pairs, at one or at all positions.

    Parameters
    ----------
    batch
        The pairs.
    heads
        Heads (layer, head).
    position
        The position of the batch that is patched, padding counted (None: all).
    position_index
        Index of the position on the results' axis `position`.
    fraction
        The chunk's part of the work on the batch it was cut from, between 0 and 1.
    """

    batch: PairBatch
    heads: Sequence[Head]
    position: int | None = None
    position_index: int = 0
    fraction: float = 1.0

    @property
    def first(self) -> int:
        """First patched position, padding counted: no patch changes anything before it.

        Before the first difference both runs are equal: a patch there adds nothing.
        """
        return max(self.position or 0, self.batch.first)

    @property
    def vectors_per_pair(self) -> int:
        """Patched residual vectors (head x position) of each pair."""
        return len(self.heads) * (self.batch.clean.n_positions - self.first)

    @property
    def mask(self) -> Bool[Tensor, "batch position"] | None:
        """Where heads are patched (None: everywhere)."""
        return None if self.position is None else only_at(self.batch, self.position)


def only_at(batch: PairBatch, position: int) -> Bool[Tensor, "batch position"]:
    """True at one position of every pair."""
    mask = torch.zeros_like(batch.clean.resid_pre[0, :, :, 0], dtype=torch.bool)
    mask[:, position] = True
    return mask


def vectors_per_chunk(batch: PairBatch) -> int:
    """How many patched residual vectors a chunk has at most, on the batch's device."""
    on_cpu = batch.clean.z.device.type == "cpu"
    return VECTORS_PER_CHUNK if on_cpu else VECTORS_PER_CHUNK_ON_GPU


def chunks_of(
    pairs: PromptPairs,
    batch: PairBatch,
    labels: Sequence[PositionLabel],
    heads: Sequence[Head],
) -> list[Chunk]:
    """The batch in chunks of few residual vectors.

    The cut does not depend on the number of threads, nor do the results then.

    Parameters
    ----------
    labels
        The positions to patch, one after the other: the results' axis `position`.
    heads
        Heads (layer, head), each patched alone.
    """
    most = vectors_per_chunk(batch)
    n_patched = len(batch.indices) * len(labels)  # (pair, label) combinations
    uncut = [
        Chunk(batch.select(rows), heads, position, index, len(rows) / n_patched)
        for index, label in enumerate(labels)
        for position, rows in rows_patched_alike(pairs, batch, label)
    ]
    parts = [part for chunk in uncut for part in cut_by_pairs(chunk, most)]
    min_parts = MIN_CHUNKS if len(parts) < MIN_CHUNKS else 1
    return [part for chunk in parts for part in cut_by_heads(chunk, most, min_parts)]


def rows_patched_alike(
    pairs: PromptPairs, batch: PairBatch, label: PositionLabel
) -> Iterator[tuple[int | None, list[int]]]:
    """Position patched, and the rows of the batch that can be patched together there.

    A row is one pair of the batch. For all positions at once (label None) the position
    is None, and rows whose first difference is the same go together.
    """
    if label is not None:
        yield from rows_by_position(pairs, batch, label).items()
        return
    for rows in rows_by_value(batch.firsts).values():
        yield None, rows


def rows_by_position(
    pairs: PromptPairs, batch: PairBatch, label: str | int
) -> dict[int, list[int]]:
    """Rows of the batch (pairs) by the position that the label means in each.

    Each row is patched at its own pair's position only, never at the union of the
    batch's positions. A row whose prompts are too short for the label is left out.
    """
    by_position = rows_by_value(label_positions(pairs, batch, label))
    count = batch.clean.n_positions
    return {
        position: rows for position, rows in by_position.items() if position < count
    }


def label_positions(
    pairs: PromptPairs, batch: PairBatch, label: str | int
) -> list[int]:
    """The position, padding counted, of a name or number in each row of the batch."""
    return [
        padding + (pairs[index].positions[label] if isinstance(label, str) else label)
        for index, padding in zip(batch.indices, batch.padding, strict=True)
    ]


def rows_by_value(values: Sequence[int]) -> dict[int, list[int]]:
    """Indices of `values` by value, in the order in which values first occur."""
    rows: dict[int, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault(value, []).append(row)
    return rows


def set_parts(
    pairs: PromptPairs, batch: PairBatch, label: PositionLabel, n_sets: int
) -> Iterator[tuple[PairBatch, int | None, slice]]:
    """The work of patching sets of heads in a batch, in parts for threads.

    A part is pairs in which the label means the same position, that position (padding
    counted; None: all), and a slice of the `n_sets` sets.
    """
    for position, rows in rows_patched_alike(pairs, batch, label):
        alike = batch.select(rows)
        first = batch.first if position is None else position
        vectors_per_set = len(rows) * (batch.clean.n_positions - first)
        sets_per_part = max(1, vectors_per_chunk(batch) // vectors_per_set)
        for start in range(0, n_sets, sets_per_part):
            yield alike, position, slice(start, min(start + sets_per_part, n_sets))


def cut_by_pairs(chunk: Chunk, most: int) -> Iterator[Chunk]:
    """The chunk in parts with equally many pairs, and all heads.

    Each has at most `most` residual vectors (head x pair x position), or one pair.
    """
    n_pairs = len(chunk.batch.indices)
    n_parts = max(1, math.ceil(n_pairs * chunk.vectors_per_pair / most))
    pairs_per_part = math.ceil(n_pairs / n_parts)
    for start in range(0, n_pairs, pairs_per_part):
        rows = range(start, min(start + pairs_per_part, n_pairs))
        fraction = chunk.fraction * len(rows) / n_pairs
        yield replace(chunk, batch=chunk.batch.select(rows), fraction=fraction)


def cut_by_heads(chunk: Chunk, most: int, min_parts: int) -> Iterator[Chunk]:
    """The chunk in parts with some of the heads, and all pairs.

    Each has at most `most` residual vectors (head x position) of a pair. There are at
    least `min_parts` parts if the chunk has VECTORS_WORTH_CUTTING vectors or more.
    """
    n_vectors = len(chunk.batch.indices) * chunk.vectors_per_pair
    n_parts = max(
        math.ceil(chunk.vectors_per_pair / most),
        min_parts if n_vectors >= VECTORS_WORTH_CUTTING else 1,
    )
    for number in range(min(n_parts, len(chunk.heads))):
        heads = chunk.heads[number::n_parts]
        fraction = chunk.fraction * len(heads) / len(chunk.heads)
        yield replace(chunk, heads=heads, fraction=fraction)
