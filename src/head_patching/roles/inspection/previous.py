"""Whether a head attends one position back by position alone.

Every position holds the mean of all tokens, with its learned or rotary position, so
that attention depends on positions only. Elhage et al. 2021
(transformer-circuits.pub/2021/framework) compute it as W_pos W_Q W_K^T W_pos^T; the
mean token replaces the content of the positions.

`tests/roles/inspection/test_previous.py` compares with the attention of a model whose
tokens are all the same.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.layers import attention_pattern, per_query_head
from head_patching.models.transformer import Model

N_POSITIONS = 32  # of a short prompt


@torch.no_grad()
def previous_token_shares(
    model: Model, mean_resid: Float[Tensor, " d_model"]
) -> Float[Tensor, "layer head"]:
    """Attention from each position but the first to the one before, on average.

    Parameters
    ----------
    mean_resid
        The residual stream of a token alone, averaged over the vocabulary.
    """
    config = model.config
    n_positions = min(N_POSITIONS, config.n_ctx)
    resid = mean_resid.expand(1, n_positions, -1)
    if model.W_pos is not None:
        resid = resid + model.W_pos[:n_positions]
    places = model.places(0, n_positions)
    shares = []
    for layer in model.layers:
        q, k, _ = layer.qkv(resid, places)
        keys = per_query_head(k, config)
        pattern = attention_pattern(q, keys, rule=layer.rule)[0]
        shares.append(pattern.diagonal(offset=-1, dim1=1, dim2=2).mean(dim=-1))
    return torch.stack(shares)
