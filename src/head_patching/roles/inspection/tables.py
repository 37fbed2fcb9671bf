"""All scores from a model's weights, as tables: by head, and by pair of heads."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.transformer import Model
from head_patching.roles.copying import copy_scores
from head_patching.roles.inspection import ov, qk
from head_patching.roles.inspection.composition import N_ROTATIONS, compositions
from head_patching.roles.inspection.edges import PAIR
from head_patching.roles.inspection.embedding import EMBEDDINGS
from head_patching.roles.inspection.previous import previous_token_shares
from head_patching.tasks.ioi_templates import NAMES, OBJECTS, PLACES
from head_patching.tasks.tokens import single_token_words

# Tokens that are copied and matched, by the name they have in criteria.
LISTS: Mapping[str, Sequence[str]] = {
    "names": NAMES,
    "words": (*NAMES, *PLACES, *OBJECTS),
}

Scores = Iterator[tuple[str, Float[np.ndarray, "layer head"]]]


def inspect(
    model: Model,
    seed: int,
    distances: Sequence[int] = qk.DISTANCES,
    n_rotations: int = N_ROTATIONS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `inspect-weights`: scores of heads, and of pairs of heads.

    Columns of the first: layer, head, criterion, value. Names of criteria end in
    `.mlp` where the first MLP belongs to what heads read (`embedding`), and then in the
    distance of key and query, in rotary models; without one it is the mean over all.
    The first layer reads before the MLP: it has no such value.

    Columns of the second: kind, layer, head, later_layer, later_head, value, baseline,
    baseline_sd. Kinds are q, k and v (`composition`), and `match` and `match.mlp`: the
    share of names that the later head's query finds through the earlier head (`qk`),
    and the share expected by chance.

    Parameters
    ----------
    seed, n_rotations
        Of the random rotations that composition is compared with.
    distances
        Of key and query, in rotary models.
    """
    offsets = qk.offsets_of(model, distances)
    tokens = {name: tokens_of(model, words) for name, words in LISTS.items()}
    heads, pairs = [], []
    for ending, embedding in EMBEDDINGS.items():
        resid = embedding(model)
        through = matches_through(model, resid[tokens["names"]], offsets)
        pairs.append(match_table(f"match{ending}", through, len(tokens["names"])))
        for name, value in embedding_scores(model, resid, tokens, through, offsets):
            criterion, dot, offset = name.partition(".")
            value = value.copy()
            if ending:
                value[0] = np.nan
            heads.append(head_table(criterion + ending + dot + offset, value))
    pairs.append(composition_table(model, seed, n_rotations))
    by_head = pd.concat(heads).sort_values(
        ["layer", "head", "criterion"], ignore_index=True
    )
    return by_head, pd.concat(pairs).sort_values(["kind", *PAIR], ignore_index=True)


def tokens_of(model: Model, words: Sequence[str]) -> Int[Tensor, " token"]:
    """The words that are one token of the model, as tokens."""
    tokens = list(single_token_words(model.tokenizer, words).values())
    if len(tokens) < 2:
        raise ValueError(
            f"expected at least 2 words that are single tokens of {model.config.name}, "
            f"got {len(tokens)} of {len(words)}"
        )
    return torch.tensor(tokens, device=model.device)


def embedding_scores(
    model: Model,
    resid: Float[Tensor, "d_vocab d_model"],
    tokens: Mapping[str, Int[Tensor, " token"]],
    through: Float[np.ndarray, "layer head later_layer later_head"],
    offsets: Sequence[int],
) -> Scores:
    """Every score of heads that depends on the embedding they read.

    Parameters
    ----------
    resid
        The residual stream of each token alone (`embedding`).
    tokens
        Lists of tokens, by the name they have in criteria.
    through
        Matches through an earlier head, from `matches_through`.
    offsets
        Distances of key and query.
    """
    eigenvalues = ov.ov_eigenvalues(model, resid)
    yield "ov_copying", ov.copying(eigenvalues).numpy()
    yield "ov_positive_share", ov.positive_share(eigenvalues).numpy()
    words = tokens["words"]
    copied, suppressed = copy_scores(model, resid[words][:, None], words[:, None])
    for name, listed in tokens.items():
        among = torch.isin(words, listed).numpy()
        yield f"ov_copy_{name}", copied[..., among].mean(axis=-1)
        yield f"ov_negative_copy_{name}", suppressed[..., among].mean(axis=-1)
    by_offset = {
        offset: qk.same_token_shares(model, resid[words], offset).numpy()
        for offset in offsets
    }
    yield "qk_same_token", np.mean(list(by_offset.values()), axis=0)
    if len(by_offset) > 1:
        for offset, value in by_offset.items():
            yield f"qk_same_token.{offset}", value
    previous = previous_token_shares(model, resid.mean(dim=0)).numpy()
    yield "qk_previous_token", previous
    yield "qk_induction", induction_scores(previous, through)


def matches_through(
    model: Model, resid: Float[Tensor, "token d_model"], offsets: Sequence[int]
) -> Float[np.ndarray, "layer head later_layer later_head"]:
    """Matches through an earlier head, averaged over the distances of key and query."""
    return qk.same_token_shares_through(model, resid, offsets).mean(dim=0).numpy()


def induction_scores(
    previous: Float[np.ndarray, "layer head"],
    through: Float[np.ndarray, "layer head later_layer later_head"],
) -> Float[np.ndarray, "layer head"]:
    """How well each head would do induction with the best earlier head.

    The best earlier head maximises the product of two shares: of its attention, that to
    the previous position; of tokens, those that the later head then finds.
    """
    return (previous[:, :, None, None] * through).max(axis=(0, 1))


def head_table(criterion: str, value: Float[np.ndarray, "layer head"]) -> pd.DataFrame:
    """One criterion, one row per head."""
    layers, heads = np.indices(value.shape)
    names = {"layer": layers.ravel(), "head": heads.ravel(), "criterion": criterion}
    return pd.DataFrame(names | {"value": value.ravel()})


def match_table(
    kind: str,
    share: Float[np.ndarray, "layer head later_layer later_head"],
    n_tokens: int,
) -> pd.DataFrame:
    """Matches through earlier heads, with guessing among the tokens as baseline."""
    chance = np.full_like(share, 1 / n_tokens)
    spread = np.sqrt(chance * (1 - chance) / n_tokens)
    columns = {"value": share, "baseline": chance, "baseline_sd": spread}
    return pair_table(kind, columns)


def composition_table(
    model: Model, seed: int, n_rotations: int = N_ROTATIONS
) -> pd.DataFrame:
    """Q-, K- and V-composition of every pair of heads, with its baseline."""
    tables = [
        pair_table(
            kind,
            {
                "value": scores.value.numpy(),
                "baseline": scores.baseline.numpy(),
                "baseline_sd": scores.baseline_sd.numpy(),
            },
        )
        for kind, scores in compositions(model, seed, n_rotations).items()
    ]
    return pd.concat(tables, ignore_index=True)


def pair_table(
    kind: str,
    columns: Mapping[str, Float[np.ndarray, "layer head later_layer later_head"]],
) -> pd.DataFrame:
    """One kind, one row per pair of heads of which the second is in a later layer."""
    shape = columns["value"].shape
    earlier, head, later, later_head = np.indices(shape).reshape(4, -1)
    names = dict(zip(PAIR, (earlier, head, later, later_head), strict=True))
    values = {name: column.ravel() for name, column in columns.items()}
    table = pd.DataFrame({"kind": kind} | names | values)
    return table[table["layer"] < table["later_layer"]]
