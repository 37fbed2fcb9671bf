"""The parts of one layer, as pure functions: norm, rotation, attention, MLP.

Weights are in TransformerLens's folded convention: norms have no weights of their own.
"""

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from head_patching.models.attention import PLAIN, AttentionRule, readable_keys
from head_patching.models.shape import ModelConfig


def gelu_tanh(x: Tensor) -> Tensor:
    """Gelu in its tanh approximation, in two thirds of the time PyTorch's own takes.

    (1 + tanh(u)) / 2 is the logistic function of 2 u, here with
    u = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    slope = torch.tensor(2 * (2 / math.pi) ** 0.5, device=x.device)
    twice_u = x * torch.addcmul(slope, x, x, value=0.044715 * float(slope))
    return x * torch.sigmoid(twice_u)


ACTIVATION_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": functional.relu,
    "silu": functional.silu,
}


def normalise(
    x: Float[Tensor, "... d_model"], config: ModelConfig
) -> Float[Tensor, "... d_model"]:
    """The residual stream, scaled to unit size (and centred, for LayerNorm)."""
    if config.normalization == "LN":
        return functional.layer_norm(x, (config.d_model,), eps=config.eps)
    return functional.rms_norm(x, (config.d_model,), eps=config.eps)


def rotate(
    x: Float[Tensor, "... position heads d_head"],
    cos: Float[Tensor, "*batch position rotary_dim"] | None,
    sin: Float[Tensor, "*batch position rotary_dim"] | None,
) -> Float[Tensor, "... position heads d_head"]:
    """Queries or keys turned by their position (Su et al. 2021, arXiv 2104.09864).

    Halves are paired (x_i with x_{i + rotary_dim/2}); dimensions from `rotary_dim` on
    are left alone. Without tables the input comes back unchanged.
    """
    if cos is None or sin is None:
        return x
    half = cos.shape[-1] // 2
    first, second, rest = x.tensor_split((half, 2 * half), dim=-1)
    (cos_1, cos_2), (sin_1, sin_2) = (
        table.unsqueeze(-2).chunk(2, dim=-1)  # each [*batch position 1 half]
        for table in (cos, sin)
    )
    turned_first = (first * cos_1).addcmul_(second, sin_1, value=-1)
    turned_second = (second * cos_2).addcmul_(first, sin_2)
    return torch.cat((turned_first, turned_second, rest), dim=-1)


def per_query_head(
    kv: Float[Tensor, "... kv_head d_head"], config: ModelConfig
) -> Float[Tensor, "... head d_head"]:
    """Keys or values with one copy per query head (grouped-query attention)."""
    return kv.repeat_interleave(config.group_size, dim=-2)


def attention_pattern(
    q: Float[Tensor, "batch query_pos head d_head"],
    k: Float[Tensor, "batch key_pos head d_head"],
    padding: Int[Tensor, " batch"] | None = None,
    rule: AttentionRule = PLAIN,
) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Causal attention; the last query and the last key have the same position.

    The first `padding` positions of each prompt attend to themselves alone, and no
    other position attends to them. The `rule` is that of the layer.
    """
    products = torch.einsum("bqhd,bkhd->bhqk", q, k)
    if not rule.is_plain:
        readable = readable_keys(padding, k.shape[1])
        return rule.pattern(products, q.shape[-1], readable)
    scores = products / q.shape[-1] ** 0.5
    n_query, n_key = scores.shape[-2:]
    allowed = torch.ones(n_query, n_key, dtype=torch.bool, device=q.device)
    allowed = allowed.tril(n_key - n_query)  # [query_pos key_pos]
    if padding is not None:
        readable = torch.arange(n_key, device=q.device) >= padding[:, None]
        itself = allowed & ~allowed.tril(n_key - n_query - 1)
        allowed = (allowed & readable[:, None, None]) | itself  # [batch 1 query key]
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)


def head_outputs(
    pattern: Float[Tensor, "batch head query_pos key_pos"],
    v: Float[Tensor, "batch key_pos head d_head"],
) -> Float[Tensor, "batch query_pos head d_head"]:
    """z: each head's values, averaged by its attention, before W_O."""
    return torch.einsum("bhqk,bkhd->bqhd", pattern, v)
