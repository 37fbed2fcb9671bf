"""Shares: a batch's patches cut into parts that lanes work on side by side."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from head_patching.patching.head_sets import Head
from head_patching.patching.runs import PairBatch
from head_patching.tasks.pairs import PromptPairs

Label = str | int | None  # a position's name or number; None: all positions at once

# Patched rows (head x pair x position) of one share: enough for large products, few
# enough to keep all lanes busy to the end and the streams under way small.
ROWS_PER_SHARE = 6000
ROWS_PER_SHARE_ON_GPU = 200_000

# A batch with fewer shares is cut by heads too, lest a lane have nothing to do: unless
# it has so few rows that its products would become small.
MIN_SHARES, ROWS_WORTH_CUTTING = 2, 1000


@dataclass(frozen=True)
class Share:
    """Some heads, each patched alone on some pairs, at one position or at all.

    `column` is the place of the position among all that are asked for, and `work` this
    share's part of the batch.
    """

    batch: PairBatch
    heads: Sequence[Head]
    position: int | None
    column: int
    work: float

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


def most_rows(batch: PairBatch) -> int:
    """Patched rows of one share, on the device that holds the batch."""
    on_cpu = batch.clean.z.device.type == "cpu"
    return ROWS_PER_SHARE if on_cpu else ROWS_PER_SHARE_ON_GPU


def shares(
    pairs: PromptPairs,
    batch: PairBatch,
    labels: Sequence[Label],
    heads: Sequence[Head],
) -> list[Share]:
    """The batch in shares of few rows.

    The cut does not depend on the number of threads, nor do the results then.
    """
    most, whole = most_rows(batch), len(batch.indices) * len(labels)
    alike = [
        Share(batch.select(rows), heads, position, column, len(rows) / whole)
        for column, label in enumerate(labels)
        for position, rows in together(pairs, batch, label)
    ]
    parts = [part for share in alike for part in cut_by_pairs(share, most)]
    fewest = MIN_SHARES if len(parts) < MIN_SHARES else 1
    return [part for share in parts for part in cut_by_heads(share, most, fewest)]


def together(
    pairs: PromptPairs, batch: PairBatch, label: Label
) -> Iterator[tuple[int | None, list[int]]]:
    """The position patched (None: all), and the rows that travel from the same on."""
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
    """Where in the batch each pair has a position of that name or number."""
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


def cut_by_pairs(share: Share, most: int) -> Iterator[Share]:
    """The share in parts of equally many pairs and `most` rows, or of one pair each."""
    n_pairs = len(share.batch.indices)
    n_parts = max(1, math.ceil(n_pairs * share.rows_per_pair / most))
    step = math.ceil(n_pairs / n_parts)
    for start in range(0, n_pairs, step):
        rows = range(start, min(start + step, n_pairs))
        work = share.work * len(rows) / n_pairs
        yield replace(share, batch=share.batch.select(rows), work=work)


def cut_by_heads(share: Share, most: int, fewest: int) -> Iterator[Share]:
    """The share in parts of `most` rows of a pair; in `fewest` if that is worth it."""
    n_rows = len(share.batch.indices) * share.rows_per_pair
    n_parts = max(
        math.ceil(share.rows_per_pair / most),
        fewest if n_rows >= ROWS_WORTH_CUTTING else 1,
    )
    for number in range(min(n_parts, len(share.heads))):
        heads = share.heads[number::n_parts]
        work = share.work * len(heads) / len(share.heads)
        yield replace(share, heads=heads, work=work)
