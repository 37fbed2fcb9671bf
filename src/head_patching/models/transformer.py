"""One readable forward pass of a decoder-only transformer, in pieces.

The pieces cover GPT-2 (learned positions, LayerNorm, gelu), GPT-NeoX (parallel
attention and MLP, partial rotary positions) and Llama (rotary positions, RMSNorm,
gated MLP, grouped-query attention). Weights are in TransformerLens's folded
convention: norms have no weights of their own, writing weights are centred where the
norm subtracts a mean, and the unembedding is centred.

`tests/models/test_transformer.py` compares every residual and the logits with
TransformerLens on all three architectures.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from head_patching.models.activations import BY_LAYER, Activations, following
from head_patching.models.weights import LayerWeights, ModelConfig, moved


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


@dataclass
class Model:
    """Weights, tokenizer and provenance of one language model."""

    config: ModelConfig
    layers: list[LayerWeights]
    W_E: Float[Tensor, "d_vocab d_model"]
    W_pos: Float[Tensor, "n_ctx d_model"] | None
    rotary_cos: Float[Tensor, "n_ctx rotary_dim"] | None
    rotary_sin: Float[Tensor, "n_ctx rotary_dim"] | None
    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]
    provenance: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None  # the prepared folder it was loaded from
    read_tokenizer: Callable[[], Any] = lambda: None

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer; read when first asked for, since patching needs none."""
        return self.read_tokenizer()

    @property
    def device(self) -> torch.device:
        return self.W_E.device

    def to(self, device: str, dtype: torch.dtype) -> "Model":
        """The same model elsewhere, or of another precision."""
        layers = [layer.to(device, dtype) for layer in self.layers]
        return replace(self, layers=layers, **moved(self, device, dtype))

    @property
    def failed_checks(self) -> list[str]:
        """The engine's assumptions that this model does not meet (`models.checks`)."""
        return self.provenance.get("check", {}).get("failed", [])

    def require_engine(self, purpose: str) -> None:
        """Refuse what only the engine can do for a model that fails its checks."""
        if self.failed_checks:
            raise ValueError(
                f"{self.config.name} fails the engine's check of "
                f"{', '.join(self.failed_checks)}: {purpose} is not possible; only "
                "HeadPatcher.run works for it, through TransformerLens's hooks"
            )

    @torch.no_grad()
    def run(self, tokens: Int[Tensor, "batch position"]) -> Activations:
        """The activations of one forward pass."""
        return forward(self, tokens)


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
        table.unsqueeze(-2).chunk(2, dim=-1) for table in (cos, sin)
    )
    turned_first = (first * cos_1).addcmul_(second, sin_1, value=-1)
    turned_second = (second * cos_2).addcmul_(first, sin_2)
    return torch.cat((turned_first, turned_second, rest), dim=-1)


def project_qkv(
    x: Float[Tensor, "... position d_model"],
    layer: LayerWeights,
    model: Model,
    start: int | Int[Tensor, " batch"] = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [... position heads d_head] of a normalised input.

    `start` is the place of its first position in the prompt, or in each of them.
    """
    config = layer.config
    flat = functional.linear(x, layer.W_QKV.T, layer.b_QKV)
    heads = flat.unflatten(-1, (-1, config.d_head))
    n_heads, n_kv = config.n_heads, config.n_key_value_heads
    q, k, v = heads.split((n_heads, n_kv, n_kv), dim=-2)
    cos, sin = rotary_tables(model, start, x.shape[-2])
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def rotary_tables(
    model: Model, first: int | Int[Tensor, " batch"], count: int
) -> tuple[Tensor | None, Tensor | None]:
    """Cosines and sines of `count` positions from `first` on (None if not rotary).

    Where prompts begin at different places, each has tables of its own.
    """
    if model.rotary_cos is None or model.rotary_sin is None:
        return None, None
    rows = places_from(first, count)
    return model.rotary_cos[rows], model.rotary_sin[rows]


def places_from(
    first: int | Int[Tensor, " batch"], count: int
) -> slice | Int[Tensor, "batch position"]:
    """Places in the prompt, or in each prompt, of `count` positions.

    Padding, at negative places, is taken for the first.
    """
    if isinstance(first, int):
        return slice(first, first + count)
    steps = torch.arange(count, device=first.device)
    return (first[:, None] + steps).clamp(min=0)


def per_query_head(
    kv: Float[Tensor, "... kv_head d_head"], config: ModelConfig
) -> Float[Tensor, "... head d_head"]:
    """Keys or values with one copy per query head (grouped-query attention)."""
    return kv.repeat_interleave(config.group_size, dim=-2)


def attention_pattern(
    q: Float[Tensor, "batch query_pos head d_head"],
    k: Float[Tensor, "batch key_pos head d_head"],
    padding: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Causal attention; the last query stands at the last key.

    No position of a prompt attends to its `padding`, which attends to itself alone.
    """
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
    n_query, n_key = scores.shape[-2:]
    allowed = torch.ones(n_query, n_key, dtype=torch.bool, device=q.device)
    allowed = allowed.tril(n_key - n_query)
    if padding is not None:
        readable = torch.arange(n_key, device=q.device) >= padding[:, None]
        itself = allowed & ~allowed.tril(n_key - n_query - 1)
        allowed = (allowed & readable[:, None, None]) | itself
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)


def head_outputs(
    pattern: Float[Tensor, "batch head query_pos key_pos"],
    v: Float[Tensor, "batch key_pos head d_head"],
) -> Float[Tensor, "batch query_pos head d_head"]:
    """z: the values each head has mixed, before W_O."""
    return torch.einsum("bhqk,bkhd->bqhd", pattern, v)


def attention_write(
    z: Float[Tensor, "... head d_head"], layer: LayerWeights
) -> Float[Tensor, "... d_model"]:
    """What all heads of a layer write into the residual stream together."""
    return functional.linear(z.flatten(-2), layer.W_O.flatten(0, 1).T, layer.b_O)


def mlp_write(
    x: Float[Tensor, "... d_model"], layer: LayerWeights
) -> Float[Tensor, "... d_model"]:
    """What the MLP writes, given its normalised input."""
    activation = ACTIVATION_FUNCTIONS[layer.config.act_fn]
    if layer.W_gate is not None:
        gate = activation(functional.linear(x, layer.W_gate.T, layer.b_gate))
        hidden = gate.mul_(functional.linear(x, layer.W_in.T, layer.b_in))
    else:
        hidden = activation(functional.linear(x, layer.W_in.T, layer.b_in))
    return functional.linear(hidden, layer.W_out.T, layer.b_out)


def embed(
    model: Model,
    tokens: Int[Tensor, "batch position"],
    start: int | Int[Tensor, " batch"] = 0,
) -> Float[Tensor, "batch position d_model"]:
    """The residual stream before the first layer; `start`: place of the first token."""
    stop = tokens.shape[1] + (start if isinstance(start, int) else int(start.max()))
    if stop > model.config.n_ctx:
        raise ValueError(
            f"prompts have {stop} tokens; {model.config.name} takes at most "
            f"{model.config.n_ctx}"
        )
    if tokens.numel() and int(tokens.max()) >= model.config.d_vocab:
        raise ValueError(
            f"token {int(tokens.max())} is not in the vocabulary of {model.config.name}"
            f" ({model.config.d_vocab} tokens): the prompts belong to another model"
        )
    resid = model.W_E[tokens]
    if model.W_pos is not None:
        resid = resid + model.W_pos[places_from(start, tokens.shape[1])]
    return resid


def unembed(
    model: Model, resid: Float[Tensor, "... d_model"]
) -> Float[Tensor, "... d_vocab"]:
    """Logits of a final residual stream."""
    return normalise(resid, model.config) @ model.W_U + model.b_U


def forward(
    model: Model,
    tokens: Int[Tensor, "batch position"],
    added: Float[Tensor, "layer batch position d_model"] | None = None,
    before: Activations | None = None,
    padding: Int[Tensor, " batch"] | None = None,
) -> Activations:
    """One forward pass, keeping what later steps read.

    `added` is added to the residual stream where attention writes: one vector per
    layer, prompt and position. It is how a patch looks without any short cut, and
    the gradient with respect to it is what attribution patching needs.

    `before` is the run of the same prompts' earlier tokens, if `tokens` are only those
    that follow; the activations returned are then of all positions.

    `padding` says how many of each prompt's first tokens are none of its own.
    """
    kept: dict[str, list[Tensor]] = {name: [] for name in BY_LAYER}
    start: int | Tensor = 0 if before is None else before.n_positions
    if padding is not None:
        start = -padding
    # Unbound once: the gradient of indexing would fill the whole tensor at each layer.
    extra = [None] * len(model.layers) if added is None else added.unbind()
    resid = embed(model, tokens, start)
    for index, (layer, addition) in enumerate(zip(model.layers, extra, strict=True)):
        x = normalise(resid, model.config)
        q, k, v = project_qkv(x, layer, model, start)
        if before is not None:
            k, v = (
                torch.cat((earlier[index], own), dim=1)
                for earlier, own in ((before.k, k), (before.v, v))
            )
        pattern = attention_pattern(q, per_query_head(k, model.config), padding)
        z = head_outputs(pattern, per_query_head(v, model.config))
        for name, tensor in zip(kept, (resid, q, k, v, pattern, z), strict=True):
            kept[name].append(tensor)
        resid_mid = resid + attention_write(z, layer)
        if addition is not None:
            resid_mid = resid_mid + addition
        if model.config.parallel_attn_mlp:
            resid = resid_mid + mlp_write(x, layer)
        else:
            x = normalise(resid_mid, model.config)
            resid = resid_mid + mlp_write(x, layer)
    stacked = {name: torch.stack(tensors) for name, tensors in kept.items()}
    if before is not None:
        stacked = following(before, stacked)
    logits = unembed(model, resid[:, -1])
    return Activations(**stacked, final_logits=logits, padding=padding)
