"""Evidence from attention: to named positions, and on repeated random tokens."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.transformer import Model

# criterion -> from which position, to which positions (their attention adds up)
ATTENTION: dict[str, tuple[str, tuple[str, ...]]] = {
    "attention.END.IO": ("END", ("IO",)),
    "attention.END.S1": ("END", ("S1",)),
    "attention.END.S2": ("END", ("S2",)),
    "attention.END.S": ("END", ("S1", "S2")),
    "attention.S2.S1": ("S2", ("S1",)),
    "attention.S2.S1+1": ("S2", ("S1+1",)),
    "attention.S1+1.S1": ("S1+1", ("S1",)),
}


def attention_between(
    pattern: Float[Tensor, "layer batch head query_pos key_pos"],
    queries: Int[Tensor, " batch"],
    keys: Int[Tensor, "batch key"],
) -> Float[Tensor, "layer head batch"]:
    """Attention from one position to others, at each prompt's own positions."""
    rows = torch.arange(pattern.shape[1], device=pattern.device)
    from_query = pattern[:, rows, :, queries]  # [batch layer head key_pos]
    to_keys = from_query[rows[:, None], :, :, keys]  # [batch key layer head]
    return to_keys.sum(dim=1).permute(1, 2, 0)


def random_tokens(
    vocabulary: Sequence[int], n_tokens: int, n_sequences: int, seed: int
) -> Int[Tensor, "sequence position"]:
    """Random tokens, distinct within a sequence where the vocabulary has enough."""
    generator = torch.Generator().manual_seed(seed)
    choices = torch.tensor(vocabulary)
    if len(choices) < n_tokens:
        drawn = torch.randint(
            len(choices), (n_sequences, n_tokens), generator=generator
        )
    else:
        drawn = torch.stack(
            [
                torch.randperm(len(choices), generator=generator)[:n_tokens]
                for _ in range(n_sequences)
            ]
        )
    return choices[drawn]


def plain_vocabulary(model: Model) -> list[int]:
    """Token ids a prompt could contain: without special tokens and padding rows."""
    if model.tokenizer is None:
        return list(range(model.config.d_vocab))
    special = set(model.tokenizer.all_special_ids)
    size = min(len(model.tokenizer), model.config.d_vocab)
    return [token for token in range(size) if token not in special]


def repeated_token_scores(
    model: Model,
    n_tokens: int,
    n_sequences: int,
    seed: int,
    bos_token: int | None = None,
) -> dict[str, Float[np.ndarray, "layer head sequence"]]:
    """Previous-token, duplicate-token and induction score of every head.

    Wang et al. 2022 (arXiv 2211.00593, appendices H and I): random tokens, repeated
    once; the mean attention on the diagonal one back, `n_tokens` back, and
    `n_tokens` - 1 back. The previous-token score averages over both copies, as the
    released code does. We draw without replacement from all tokens but the special
    ones (the paper: uniformly from the vocabulary; its code: ids 1000 to 9999).

    Parameters
    ----------
    bos_token
        Put first when given; its row and column are not counted.
    """
    tokens = random_tokens(plain_vocabulary(model), n_tokens, n_sequences, seed)
    tokens = tokens.repeat(1, 2)  # [sequence position]
    if bos_token is not None:
        bos = torch.full((n_sequences, 1), bos_token)
        tokens = torch.cat((bos, tokens), dim=1)
    by_sequence = []
    for sequence in tokens.to(model.device):  # one at a time: patterns are large
        pattern = model.run(sequence[None]).pattern[:, 0]
        pattern = pattern[..., -2 * n_tokens :, -2 * n_tokens :]
        by_sequence.append(diagonal_scores(pattern, n_tokens))
    return {
        name: np.stack([scores[name] for scores in by_sequence], axis=-1)
        for name in by_sequence[0]
    }


def diagonal_scores(
    pattern: Float[Tensor, "layer head query_pos key_pos"], n_tokens: int
) -> dict[str, Float[np.ndarray, "layer head"]]:
    """Mean attention on the three diagonals of a sequence of 2 x `n_tokens` tokens."""
    offsets = {
        "previous_token_score": -1,
        "duplicate_token_score": -n_tokens,
        "induction_score": 1 - n_tokens,
    }
    return {
        name: pattern.diagonal(offset, dim1=-2, dim2=-1).mean(dim=-1).cpu().numpy()
        for name, offset in offsets.items()
    }
