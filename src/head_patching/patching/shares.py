"""Shares: a batch's patches cut into parts that lanes work on side by side."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    def mask(self) -> Bool[Tensor, "batch position"] | None:
        """Where heads are patched (None: everywhere)."""
        if self.position is None:
            return None
        shape = len(self.batch.indices), self.batch.clean.n_positions
        mask = torch.zeros(shape, dtype=torch.bool, device=self.batch.clean.z.device)
        mask[:, self.position] = True
        return mask


def shares(
    pairs: PromptPairs,
    batch: PairBatch,
    labels: Sequence[Label],
    heads: Sequence[Head],
) -> list[Share]:
    """The batch in shares of few rows.

    The cut does not depend on the number of threads, nor do the results then.
    """
    rows_per_pair = len(heads) * (batch.clean.n_positions - batch.first)
    on_cpu = batch.clean.z.device.type == "cpu"
    most = ROWS_PER_SHARE if on_cpu else ROWS_PER_SHARE_ON_GPU
    step = max(1, most // max(1, rows_per_pair))
    parts = [
        (column, position, rows[start : start + step])
        for column, label in enumerate(labels)
        for position, rows in rows_by_position(pairs, batch, label)
        for start in range(0, len(rows), step)
    ]
    worth_cutting = len(batch.indices) * rows_per_pair >= ROWS_WORTH_CUTTING
    n_groups = max(
        math.ceil(rows_per_pair / most),
        MIN_SHARES if len(parts) < MIN_SHARES and worth_cutting else 1,
    )
    groups = [heads[number::n_groups] for number in range(n_groups)]
    whole = len(batch.indices) * len(labels) * len(heads)
    return [
        Share(
            batch.select(rows),
            group,
            position,
            column,
            len(rows) * len(group) / whole,
        )
        for column, position, rows in parts
        for group in groups
        if group
    ]


def rows_by_position(
    pairs: PromptPairs, batch: PairBatch, label: Label
) -> Iterator[tuple[int | None, list[int]]]:
    """Rows of the batch by the position patched; pairs without it are left out.

    Each row is patched at its own pair's position only, never at the union of the
    batch's positions.
    """
    if label is None:
        yield None, list(range(len(batch.indices)))
        return
    rows: dict[int, list[int]] = {}
    for row, index in enumerate(batch.indices):
        position = pairs[index].positions[label] if isinstance(label, str) else label
        if position < len(pairs[index].clean_tokens):
            rows.setdefault(position, []).append(row)
    yield from rows.items()
