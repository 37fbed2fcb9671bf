"""Evidence from weights: does a head's OV circuit copy names?

Copy score of Wang et al. 2022 (arXiv 2211.00593, section 3.1): the residual stream
after the first layer, at the position of a name, goes through one head's OV matrix,
the final norm and the unembedding; the score is how often the name is then among the
5 highest logits of the whole vocabulary. The negative copy score takes the negative
of the head's output. As in the released code the residual is normalised before W_V.

`tests/roles/test_copying.py` compares it with logits of the whole vocabulary and top-k.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from head_patching.models.layer import Layer
from head_patching.models.layers import normalise
from head_patching.models.products import linear
from head_patching.models.transformer import Model

CELLS_AT_ONCE = 2**22  # of the array [sample, token]: 16 MB of float32
FIRST_PIECE = 256  # tokens


@torch.no_grad()
def copy_scores(
    model: Model,
    resid: Float[Tensor, "prompt name d_model"],
    names: Int[Tensor, "prompt name"],
    top_k: int = 5,
) -> tuple[
    Float[np.ndarray, "layer head prompt"], Float[np.ndarray, "layer head prompt"]
]:
    """Copy score and negative copy score of every head, per prompt.

    Parameters
    ----------
    resid
        Residual stream after the first layer at the positions of the names.
    names
        The token at each of these positions.

    Returns
    -------
    tuple of arrays
        For each prompt the share of its names found among the `top_k` logits, for
        the head's output and for its negative.
    """
    places = model.places(0, resid.shape[1])
    tokens = names.flatten()
    copied, suppressed = [], []
    for layer in model.layers:
        x = layer.read(resid, places).flatten(0, 1)  # [sample d_model]
        writes = normalise(ov_outputs(x, layer), model.config)  # [head sample d_model]
        n_heads = writes.shape[0]
        found = among_top_logits(
            writes.flatten(0, 1), tokens.repeat(n_heads), model.W_U, model.b_U, top_k
        )
        for scores, hits in zip((copied, suppressed), found, strict=True):
            by_prompt = hits.view(n_heads, *names.shape).float().mean(dim=-1)
            scores.append(by_prompt.cpu().numpy())
    return np.stack(copied), np.stack(suppressed)


def ov_outputs(
    x: Float[Tensor, "sample d_model"], layer: Layer
) -> Float[Tensor, "head sample d_model"]:
    """The output of each head that attends to x alone, without the layer's b_O."""
    values = torch.einsum("sm,kmd->ksd", x, layer.W_V)  # [kv_head sample d_head]
    if layer.b_V is not None:
        values = values + layer.b_V[:, None]
    per_head = values.repeat_interleave(layer.config.group_size, dim=0)
    return per_head @ layer.W_write


def among_top_logits(
    x: Float[Tensor, "sample d_model"],
    tokens: Int[Tensor, " sample"],
    W_U: Float[Tensor, "d_model d_vocab"],
    b_U: Float[Tensor, " d_vocab"],
    top_k: int,
) -> tuple[Bool[Tensor, " sample"], Bool[Tensor, " sample"]]:
    """Whether each token is among the `top_k` logits of x, and of -x.

    The vocabulary is read in pieces of growing width, and a sample is dropped as soon
    as `top_k` other tokens reach its logit under both signs: for most heads that
    happens within the first piece. Tokens with an equal logit count as higher, so that
    a head that writes nothing copies nothing.

    Parameters
    ----------
    x
        Residual stream to be unembedded, already normalised.
    tokens
        The token of each sample.
    W_U, b_U
        The unembedding.
    top_k
        How many of the highest logits count.
    """
    own = (x * W_U[:, tokens].T).sum(dim=1)  # [sample]
    own = torch.stack((own, -own)) + b_U[tokens]  # [sign sample]
    above = torch.zeros(2, len(x), dtype=torch.long, device=x.device)
    open_samples = torch.arange(len(x), device=x.device)
    first, width, d_vocab = 0, FIRST_PIECE, W_U.shape[1]
    while first < d_vocab and len(open_samples):
        width = min(width, max(1, CELLS_AT_ONCE // len(open_samples)))
        piece = slice(first, first + width)
        logits = linear(x[open_samples], W_U[:, piece], None)  # [open token]
        ids = torch.arange(first, min(first + width, d_vocab), device=x.device)
        others = ids != tokens[open_samples, None]  # [open token]
        for sign, signed in enumerate((logits, -logits)):
            reached = signed + b_U[piece] >= own[sign, open_samples, None]
            above[sign, open_samples] += (reached & others).sum(dim=1)
        undecided = (above[:, open_samples] < top_k).any(dim=0)
        open_samples = open_samples[undecided]
        first, width = first + width, 2 * width
    return above[0] < top_k, above[1] < top_k
