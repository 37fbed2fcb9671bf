"""Shares: a batch's patches cut into parts that lanes work on side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from head_patching.models.transformer import ModelConfig
from head_patching.patching.cache import PairBatch
from head_patching.patching.head_sets import Head
from head_patching.tasks.pairs import PromptPairs

Label = str | int | None  # a position's name or number; None: all positions at once

# Few pairs in a lane keep all lanes busy to the end; the rows of all heads together
# still make every matrix product large.
PAIRS_PER_LANE = 4

# A batch with fewer shares is cut by heads too, lest a lane have nothing to do.
MIN_SHARES = 2


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
        mask = torch.zeros(shape, dtype=torch.bool)
        mask[:, self.position] = True
        return mask


def shares(
    config: ModelConfig,
    pairs: PromptPairs,
    batch: PairBatch,
    labels: Sequence[Label],
    heads: Sequence[Head],
    memory_mib: int,
) -> list[Share]:
    """The batch in shares whose patches under way fit the memory each.

    The cut does not depend on the number of threads, nor do the results then.
    """
    suffix = batch.clean.n_positions - batch.first
    per_pair = 4 * len(heads) * suffix * config.d_model
    step = min(PAIRS_PER_LANE, max(1, memory_mib * 2**20 // max(1, per_pair)))
    parts = [
        (column, position, rows[start : start + step])
        for column, label in enumerate(labels)
        for position, rows in rows_by_position(pairs, batch, label)
        for start in range(0, len(rows), step)
    ]
    groups = [heads]
    if len(parts) < MIN_SHARES:  # every other head, counted across layers
        groups = [[(la, h) for la, h in heads if (la + h) % 2 == odd] for odd in (0, 1)]
    whole = len(batch.indices) * len(labels) * max(1, len(heads))
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
