"""Chunks: the patches of a batch, cut into parts that threads work on side by side."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from head_patching.patching.head_sets import Head
from head_patching.patching.readout import PositionLabel
from head_patching.patching.runs import PairBatch
from head_patching.tasks.pairs import PromptPairs

# Patched rows (head x pair x position) of one chunk: enough for large products, few
# enough to keep all threads busy to the end and the residual streams small.
ROWS_PER_CHUNK = 6000
ROWS_PER_CHUNK_ON_GPU = 200_000

# A batch of fewer chunks is cut by heads too, so that no thread is idle: unless it has
# so few rows that its products would become small.
MIN_CHUNKS, ROWS_WORTH_CUTTING = 2, 1000


@dataclass(frozen=True)
class Chunk:
    """Some heads, each patched alone on some pairs, at one position or at all.

    Parameters
    ----------
    position
        The position of the batch that is patched (None: all).
    column
        Where the position is on the results' axis of positions.
    fraction
        Of the batch's work.
    """

    batch: PairBatch
    heads: Sequence[Head]
    position: int | None = None
    column: int = 0
    fraction: float = 1.0

    @property
    def first(self) -> int:
        """The first position that any patch changes.

        Before the first difference both runs are equal: a patch there adds nothing.
        """
        return max(self.position or 0, self.batch.first)

    @property
    def rows_per_pair(self) -> int:
        """Patched rows (head x position) of each pair."""
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


def max_rows(batch: PairBatch) -> int:
    """Patched rows of one chunk, on the device that holds the batch."""
    on_cpu = batch.clean.z.device.type == "cpu"
    return ROWS_PER_CHUNK if on_cpu else ROWS_PER_CHUNK_ON_GPU


def chunks_of(
    pairs: PromptPairs,
    batch: PairBatch,
    labels: Sequence[PositionLabel],
    heads: Sequence[Head],
) -> list[Chunk]:
    """The batch in chunks of few rows.

    The cut does not depend on the number of threads, nor do the results then.
    """
    most, n_cells = max_rows(batch), len(batch.indices) * len(labels)
    whole = [
        Chunk(batch.select(rows), heads, position, column, len(rows) / n_cells)
        for column, label in enumerate(labels)
        for position, rows in rows_patched_alike(pairs, batch, label)
    ]
    parts = [part for chunk in whole for part in cut_by_pairs(chunk, most)]
    fewest = MIN_CHUNKS if len(parts) < MIN_CHUNKS else 1
    return [part for chunk in parts for part in cut_by_heads(chunk, most, fewest)]


def rows_patched_alike(
    pairs: PromptPairs, batch: PairBatch, label: PositionLabel
) -> Iterator[tuple[int | None, list[int]]]:
    """The position patched (None: all), and the rows whose patches start alike."""
    if label is not None:
        yield from rows_by_position(pairs, batch, label).items()
        return
    for rows in rows_of_each(batch.firsts).values():
        yield None, rows


def rows_by_position(
    pairs: PromptPairs, batch: PairBatch, label: str | int
) -> dict[int, list[int]]:
    """Rows of the batch by the position patched; pairs without it are left out.

    Each row is patched at its own pair's position only, never at the union of the
    batch's positions.
    """
    by_position = rows_of_each(positions_of(pairs, batch, label))
    count = batch.clean.n_positions
    return {
        position: rows for position, rows in by_position.items() if position < count
    }


def positions_of(pairs: PromptPairs, batch: PairBatch, label: str | int) -> list[int]:
    """The position of that name or number in each row of the batch."""
    return [
        padding + (pairs[index].positions[label] if isinstance(label, str) else label)
        for index, padding in zip(batch.indices, batch.padding, strict=True)
    ]


def rows_of_each(positions: Sequence[int]) -> dict[int, list[int]]:
    """Rows by their position, in the order in which positions first occur."""
    rows: dict[int, list[int]] = {}
    for row, position in enumerate(positions):
        rows.setdefault(position, []).append(row)
    return rows


def cut_by_pairs(chunk: Chunk, most: int) -> Iterator[Chunk]:
    """The chunk in parts of equally many pairs and `most` rows, or of one pair each."""
    n_pairs = len(chunk.batch.indices)
    n_parts = max(1, math.ceil(n_pairs * chunk.rows_per_pair / most))
    step = math.ceil(n_pairs / n_parts)
    for start in range(0, n_pairs, step):
        rows = range(start, min(start + step, n_pairs))
        fraction = chunk.fraction * len(rows) / n_pairs
        yield replace(chunk, batch=chunk.batch.select(rows), fraction=fraction)


def cut_by_heads(chunk: Chunk, most: int, fewest: int) -> Iterator[Chunk]:
    """The chunk in parts of `most` rows of a pair; in `fewest` if that is worth it."""
    n_rows = len(chunk.batch.indices) * chunk.rows_per_pair
    n_parts = max(
        math.ceil(chunk.rows_per_pair / most),
        fewest if n_rows >= ROWS_WORTH_CUTTING else 1,
    )
    for number in range(min(n_parts, len(chunk.heads))):
        heads = chunk.heads[number::n_parts]
        fraction = chunk.fraction * len(heads) / len(chunk.heads)
        yield replace(chunk, heads=heads, fraction=fraction)
