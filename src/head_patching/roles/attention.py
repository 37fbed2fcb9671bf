"""Evidence from attention: to named positions, and on repeated random tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.transformer import Model

SCORES = ("previous_token_score", "duplicate_token_score", "induction_score")


@dataclass(frozen=True)
class Protocol:
    """How a paper measured attention on repeated random tokens."""

    n_tokens: int
    n_copies: int
    suffix: str  # of the names of its scores

    @property
    def criteria(self) -> set[str]:
        """The names of its scores in the evidence."""
        return {score + self.suffix for score in SCORES}


PROTOCOLS = (
    Protocol(100, 2, suffix=""),  # Wang et al. 2022, appendices H and I
    # Olsson et al. 2022 (arXiv 2209.11895), head activation evaluators.
    Protocol(25, 4, suffix=".25x4"),
)

# Olsson et al. average over 10 examples; Wang et al.'s released code over 4.
N_SEQUENCES = 10


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


def attention_elsewhere(
    pattern: Float[Tensor, "layer batch head query_pos key_pos"],
    queries: Int[Tensor, " batch"],
    keys: Int[Tensor, "batch key"],
) -> Float[Tensor, "layer head batch"]:
    """The baseline of `attention_between`: the attention that random keys would get.

    The expectation over all choices of as many other positions up to the query. The
    first position is left out: heads that find nothing attend to it.
    """
    places = torch.arange(pattern.shape[-1], device=keys.device)
    others = (places > 0) & (places <= queries[:, None])
    others = others.scatter(1, keys, False)  # [batch key_pos]
    rows = torch.arange(pattern.shape[1], device=keys.device)
    from_query = pattern[:, rows, :, queries]  # [batch layer head key_pos]
    on_others = torch.einsum("blhk,bk->lhb", from_query, others.to(from_query.dtype))
    return on_others * keys.shape[1] / others.sum(dim=1).clamp(min=1)


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
    """Ids of all tokens but special ones and unused rows of the embedding."""
    if model.read_tokenizer is None:
        return list(range(model.config.d_vocab))
    special = set(model.tokenizer.all_special_ids)
    size = min(len(model.tokenizer), model.config.d_vocab)
    return [token for token in range(size) if token not in special]


def repeated_token_scores(
    model: Model,
    protocol: Protocol,
    seed: int,
    bos_token: int | None = None,
    n_sequences: int = N_SEQUENCES,
) -> dict[str, Float[np.ndarray, "layer head sequence"]]:
    """Previous-token, duplicate-token and induction score of every head.

    Random tokens, repeated; the mean attention to the token before, to earlier copies
    of the same token, and to the tokens after those. The previous-token score averages
    over all copies, as the released code of Wang et al. does. We draw without
    replacement from all tokens but the special ones (Wang et al.: uniformly from the
    vocabulary; their code: ids 1000 to 9999; Olsson et al.: without the most and the
    least common).

    Parameters
    ----------
    protocol
        Length and number of the copies.
    seed
        Of the random tokens.
    bos_token
        If given, put before each sequence; its row and column are not counted.
    n_sequences
        Random sequences to average over.
    """
    tokens = random_tokens(
        plain_vocabulary(model), protocol.n_tokens, n_sequences, seed
    ).repeat(1, protocol.n_copies)  # [sequence position]
    n_positions = tokens.shape[1]
    if bos_token is not None:
        bos = torch.full((len(tokens), 1), bos_token)
        tokens = torch.cat((bos, tokens), dim=1)
    by_sequence = []
    for sequence in tokens.to(model.device):  # one at a time: patterns are large
        pattern = model.run(sequence[None]).pattern[:, 0]
        pattern = pattern[..., -n_positions:, -n_positions:]
        by_sequence.append(diagonal_scores(pattern, protocol.n_tokens))
    return {
        name: np.stack([scores[name] for scores in by_sequence], axis=-1)
        for name in by_sequence[0]
    }


def diagonal_scores(
    pattern: Float[Tensor, "layer head query_pos key_pos"], n_tokens: int
) -> dict[str, Float[np.ndarray, "layer head"]]:
    """Mean attention on three sets of diagonals of a sequence of repeated tokens.

    Where a token has several earlier copies, attention to them is summed.
    """
    n_copies = pattern.shape[-1] // n_tokens
    back = [copy * n_tokens for copy in range(1, n_copies)]
    distances = [[1], back, [distance - 1 for distance in back]]
    return {
        name: diagonals_mean(pattern, of_score).cpu().numpy()
        for name, of_score in zip(SCORES, distances, strict=True)
    }


def diagonals_mean(
    pattern: Float[Tensor, "layer head query_pos key_pos"], distances: Sequence[int]
) -> Float[Tensor, "layer head"]:
    """Attention at these distances back, averaged over the queries that have any."""
    lines = [pattern.diagonal(-back, dim1=-2, dim2=-1) for back in distances]
    return sum(line.sum(dim=-1) for line in lines) / lines[0].shape[-1]
