"""The clean and the corrupt run of prompt pairs, in batches of equal shape.

Pairs are grouped by (token length, first difference). The tokens that both prompts of a
pair begin with are run once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model, forward
from head_patching.tasks.pairs import PromptPair, PromptPairs, first_difference

# Memory for the activations of one batch.
DEFAULT_MEMORY_MIB = 512


@dataclass(frozen=True)
class PairBatch:
    """Clean and corrupt activations of some pairs, which end together.

    A row of the batch is one pair. Positions are those of the batch: shorter prompts
    have padding before them, which is counted.

    Parameters
    ----------
    indices
        Which pairs they are, by their indices in the whole set.
    firsts
        For each pair, the first position in which its two runs differ.
    """

    indices: list[int]
    firsts: list[int]
    clean: Activations
    corrupt: Activations

    @property
    def first(self) -> int:
        """The first position in which the two runs of any pair differ."""
        return min(self.firsts)

    @property
    def padding(self) -> list[int]:
        """Positions before each pair's prompts."""
        if self.clean.padding is None:
            return [0] * len(self.indices)
        return self.clean.padding.tolist()

    def select(self, rows: Sequence[int]) -> "PairBatch":
        """Some rows of the batch; consecutive ones without copying."""
        chosen: slice | list[int] = list(rows)
        if chosen == list(range(chosen[0], chosen[0] + len(chosen))):
            chosen = slice(chosen[0], chosen[-1] + 1)
        clean, corrupt = (run.select(chosen) for run in (self.clean, self.corrupt))
        indices, firsts = (
            [of_pairs[row] for row in rows] for of_pairs in (self.indices, self.firsts)
        )
        return PairBatch(indices, firsts, clean, corrupt)

    def require_finite(self, model: Model) -> None:
        """Refuse runs in which the model computed NaN or infinite logits."""
        for name, run in (("clean", self.clean), ("corrupt", self.corrupt)):
            if not torch.isfinite(run.final_logits).all():
                raise ValueError(
                    f"{model.config.name}: the {name} run of pairs "
                    f"{self.indices[:5]}... gives NaN or infinite logits"
                )


def pairs_per_batch(
    model: Model, pairs: PromptPairs, memory_mib: int = DEFAULT_MEMORY_MIB
) -> int:
    """How many pairs of the longest prompts fit a memory, in MiB."""
    longest = max(len(pair.clean_tokens) for pair in pairs)
    per_pair = 2 * model.config.activation_bytes(longest)
    return max(1, memory_mib * 2**20 // per_pair)


def group_pairs(pairs: PromptPairs) -> dict[tuple[int, int], list[int]]:
    """Pair indices by (token length, first differing position), sorted."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, pair in enumerate(pairs):
        key = (len(pair.clean_tokens), first_difference(pair))
        groups.setdefault(key, []).append(index)
    return dict(sorted(groups.items()))


def batches_of_pairs(
    pairs: PromptPairs, pairs_per_batch: int
) -> Iterator[tuple[int, list[int]]]:
    """Pairs of one shape, up to a number of them: first difference and pair indices."""
    for (_, first), members in group_pairs(pairs).items():
        for start in range(0, len(members), pairs_per_batch):
            yield first, members[start : start + pairs_per_batch]


def run_pairs(
    model: Model, pairs: PromptPairs, pairs_per_batch: int
) -> Iterator[PairBatch]:
    """Both runs of every pair, in batches of at most `pairs_per_batch`."""
    for first, indices in batches_of_pairs(pairs, pairs_per_batch):
        yield run_batch(model, pairs, indices, first)


def run_batch(
    model: Model, pairs: PromptPairs, indices: Sequence[int], first: int
) -> PairBatch:
    """Both runs of pairs that are alike in length and first difference.

    Raises
    ------
    ValueError
        When the model's activations are not finite.
    """
    chosen = [pairs[index] for index in indices]
    with torch.no_grad():
        clean, corrupt = run_both(model, *both_tokens(model, chosen), first)
    batch = PairBatch(list(indices), [first] * len(chosen), clean, corrupt)
    batch.require_finite(model)
    return batch


def each_pair_once(
    pairs: PromptPairs,
    batches: Iterable[PairBatch],
    pair_indices: Sequence[int] | None = None,
) -> Iterator[PairBatch]:
    """The batches; raises ValueError unless they hold each pair exactly once.

    `pair_indices` are the pairs expected, all when None.
    """
    seen = np.zeros(len(pairs), dtype=int)
    expected = np.ones_like(seen)
    if pair_indices is not None:
        expected[:] = 0
        expected[list(pair_indices)] = 1
    for batch in batches:
        if max(batch.indices) >= len(pairs):
            raise ValueError(
                f"the cache has pair {max(batch.indices)}, the prompts only "
                f"{len(pairs)} pairs: it belongs to other prompts"
            )
        seen[batch.indices] += 1
        yield batch
    wrong = np.flatnonzero(seen != expected)
    if len(wrong):
        raise ValueError(
            f"pair {wrong[0]} is {seen[wrong[0]]} times in the cached activations, "
            f"expected {expected[wrong[0]]}: give all files of one cache"
        )


def both_tokens(
    model: Model, chosen: Sequence[PromptPair]
) -> tuple[Int[Tensor, "batch position"], Int[Tensor, "batch position"]]:
    """Tokens of the clean and the corrupt prompts, of equal length."""
    clean, corrupt = (
        torch.tensor(tokens, device=model.device)
        for tokens in (
            [pair.clean_tokens for pair in chosen],
            [pair.corrupt_tokens for pair in chosen],
        )
    )
    return clean, corrupt


@torch.no_grad()
def run_shared(
    model: Model, clean: Int[Tensor, "batch position"], first: int
) -> Activations | None:
    """The run of the tokens before `first`, for the clean and then the corrupt prompts.

    If all prompts of the batch begin alike (a few-shot preamble), that part is run for
    one of them.
    """
    if first == 0:
        return None
    n, n_common = len(clean), common_beginning(clean[:, :first])
    before = None
    if n_common:
        before = forward(model, clean[:1, :n_common]).select([0] * n)
    if n_common < first:
        before = forward(model, clean[:, n_common:first], before=before)
    return before.select([*range(n)] * 2)


def common_beginning(tokens: Int[Tensor, "batch position"]) -> int:
    """How many leading tokens all rows have in common."""
    same = (tokens == tokens[0]).all(dim=0)
    return int(same.long().cumprod(dim=0).sum())


def run_both(
    model: Model,
    clean: Int[Tensor, "batch position"],
    corrupt: Int[Tensor, "batch position"],
    first: int,
    added: Float[Tensor, "layer two_batch suffix_pos d_model"] | None = None,
    before: Activations | None = None,
) -> tuple[Activations, Activations]:
    """The clean and the corrupt run; positions before `first` are computed once.

    Parameters
    ----------
    clean, corrupt
        Tokens, of equal length.
    first
        The first position in which they differ.
    added
        Added to attn_out of each layer from position `first` on, for the clean and then
        the corrupt prompts.
    before
        The pairs' run up to `first`; computed when None.
    """
    tokens = torch.cat((clean, corrupt))[:, first:]
    n = len(clean)
    if before is None:
        before = run_shared(model, clean, first)
    else:
        before = before.select([*range(n)] * 2)
    both = forward(model, tokens, added, before)
    return both.select(slice(0, n)), both.select(slice(n, 2 * n))
