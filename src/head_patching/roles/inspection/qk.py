"""Whether a head's QK circuit matches a token with itself, or with the token after it.

The full QK circuit W_E W_Q W_K^T W_E^T scores every pair of tokens (Elhage et al. 2021,
transformer-circuits.pub/2021/framework). A duplicate-token head prefers the key of the
query's own token. An induction head prefers the position after it: its key there comes
from a previous-token head, W_E W_V W_O of that head (K-composition, "How induction
heads work").

Each token is taken alone, normalised, with the biases of queries and keys and without a
learned position. In rotary models the score depends on the distance of key and query.
`tests/roles/inspection/test_qk.py` compares both with forward passes, one pair of
tokens at a time.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.layer import Layer
from head_patching.models.layers import per_query_head
from head_patching.models.products import linear
from head_patching.models.transformer import Model
from head_patching.roles.copying import ov_outputs

# Neighbours, a clause, a sentence.
DISTANCES = (1, 4, 16)


def offsets_of(model: Model, distances: Sequence[int] = DISTANCES) -> Sequence[int]:
    """The distances of key and query; a single one without rotary positions."""
    return distances if model.is_rotary else (0,)


@torch.no_grad()
def same_token_shares(
    model: Model, resid: Float[Tensor, "token d_model"], offset: int
) -> Float[Tensor, "layer head"]:
    """Share of tokens whose query scores the key of the same token highest of all.

    Chance is one over the number of tokens. Equal scores count as higher, so that a
    head whose scores are 0 matches nothing.

    Parameters
    ----------
    resid
        The residual stream of each token alone; all tokens are different.
    offset
        Distance of key and query in positions; without rotary positions it has no
        influence.
    """
    shares = []
    for layer in model.layers:
        keys = project_alone(resid, layer, model, at=0)[1]
        queries = project_alone(resid, layer, model, at=offset)[0]
        keys = per_query_head(keys, model.config)
        scores = torch.einsum("qhd,khd->hqk", queries, keys)
        shares.append(own_highest_(scores))
    return torch.stack(shares)


@torch.no_grad()
def same_token_shares_through(
    model: Model, resid: Float[Tensor, "token d_model"], offsets: Sequence[int]
) -> Float[Tensor, "offset layer head later_layer later_head"]:
    """Share of tokens found by their query among keys made by an earlier head.

    The keys are computed from the earlier head's output for each token; a token is
    found if its query scores its own key highest. 0 where the later head is not in a
    later layer. The rest of the residual stream at the key's position is left out, and
    so is the norm: where they are equal for all keys, they do not change which key is
    highest.
    """
    config = model.config
    # each [head token d_model]
    moved = [
        ov_outputs(layer.read(resid[:, None], model.places(0, 1))[:, 0], layer)
        for layer in model.layers
    ]
    shares = resid.new_zeros(len(offsets), *(config.n_layers, config.n_heads) * 2)
    for later, layer in enumerate(model.layers):
        queries = [
            project_alone(resid, layer, model, at=offset)[0] for offset in offsets
        ]
        W_K = layer.W_K.transpose(0, 1).flatten(1)  # [d_model, kv_head and d_head]
        for earlier in range(later):
            # [earlier_head token kv_head d_head]
            keys = linear(moved[earlier], W_K, None).unflatten(-1, (-1, config.d_head))
            for share, q in zip(shares, queries, strict=True):
                scores = scores_of_all(q, keys)  # [later_head token earlier_head token]
                # [later_head earlier_head token token]
                found = own_highest_(scores.transpose(1, 2))
                share[earlier, :, later] = found.T
    return shares


def scores_of_all(
    q: Float[Tensor, "token head d_head"],
    keys: Float[Tensor, "earlier_head token kv_head d_head"],
) -> Float[Tensor, "head token earlier_head token"]:
    """Every query's product with the keys made by every earlier head.

    One large product for each key-value head, which a group of query heads reads.
    """
    group = q.shape[1] // keys.shape[2]
    by_kv_head = [
        linear(queries.flatten(0, 1), of_head.flatten(0, 1).T, None)
        for queries, of_head in zip(
            q.transpose(0, 1).split(group), keys.unbind(dim=2), strict=True
        )
    ]  # each [group*token, earlier_head*token]
    shape = (q.shape[1], len(q), *keys.shape[:2])
    return torch.cat(by_kv_head).view(shape)


def project_alone(
    resid: Float[Tensor, "token d_model"], layer: Layer, model: Model, at: int
) -> tuple[Tensor, Tensor]:
    """Queries and keys [token heads d_head] of tokens that all have one position."""
    if model.is_rotary and at >= model.config.n_ctx:
        raise ValueError(
            f"expected an offset below the {model.config.n_ctx} positions of "
            f"{model.config.name}, got {at}"
        )
    q, k, _ = layer.qkv(resid[:, None], model.places(at, 1))
    return q[:, 0], k[:, 0]


def own_highest_(
    scores: Float[Tensor, "*axes token token"],
) -> Float[Tensor, "*axes"]:
    """Share of rows whose diagonal entry is higher than all others.

    The diagonal of `scores` is overwritten.
    """
    own = scores.diagonal(dim1=-2, dim2=-1).clone()
    scores.diagonal(dim1=-2, dim2=-1).fill_(float("-inf"))
    return (scores.amax(dim=-1) < own).to(scores.dtype).mean(dim=-1)
