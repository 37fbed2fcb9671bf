"""One readable forward pass of a decoder-only transformer.

With the parts of a layer (`models.layers`) it covers GPT-2 (learned positions,
LayerNorm, gelu), GPT-NeoX (parallel attention and MLP, partial rotary positions) and
Llama (rotary positions, RMSNorm, gated MLP, grouped-query attention). Weights are in
TransformerLens's folded convention: norms have no weights of their own, writing weights
are centred where the norm subtracts a mean, and the unembedding is centred.

`tests/models/test_transformer.py` compares every residual and the logits with
TransformerLens on all three architectures.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.activations import BY_LAYER, Activations, following
from head_patching.models.layers import (
    attention_pattern,
    attn_out,
    head_outputs,
    mlp_out,
    normalise,
    per_query_head,
    rotate,
)
from head_patching.models.products import linear
from head_patching.models.weights import LayerWeights, ModelConfig, moved


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
    read_tokenizer: Callable[[], Any] | None = None

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, read when it is first used: patching needs none."""
        if self.read_tokenizer is None:
            raise ValueError(f"{self.config.name} has no tokenizer")
        return self.read_tokenizer()

    @property
    def device(self) -> torch.device:
        return self.W_E.device

    def to(self, device: str, dtype: torch.dtype) -> "Model":
        """The model on another device, or in another precision."""
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


def project_qkv(
    x: Float[Tensor, "... position d_model"],
    layer: LayerWeights,
    model: Model,
    start: int | Int[Tensor, " batch"] = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [... position heads d_head] of one layer.

    Parameters
    ----------
    x
        The normalised residual stream that the layer reads.
    start
        Position of its first vector in the prompt, or in each prompt.
    """
    config = layer.config
    flat = linear(x, layer.W_QKV, layer.b_QKV)  # [... position qkv]
    heads = flat.unflatten(-1, (-1, config.d_head))  # [... position heads d_head]
    n_heads, n_kv = config.n_heads, config.n_key_value_heads
    q, k, v = heads.split((n_heads, n_kv, n_kv), dim=-2)  # k, v: one head a group
    cos, sin = rotary_tables(model, start, x.shape[-2])
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def rotary_tables(
    model: Model, first: int | Int[Tensor, " batch"], count: int
) -> tuple[Tensor | None, Tensor | None]:
    """Cosines and sines of `count` positions from `first` on (None if not rotary).

    Where `first` differs between prompts, each prompt has tables of its own.
    """
    if model.rotary_cos is None or model.rotary_sin is None:
        return None, None
    rows = positions_from(first, count)
    return model.rotary_cos[rows], model.rotary_sin[rows]


def positions_from(
    first: int | Int[Tensor, " batch"], count: int
) -> slice | Int[Tensor, "batch position"]:
    """`count` positions from `first` on, counted in the prompt or in each prompt.

    Padding has negative positions; the first one, 0, is used in their place.
    """
    if isinstance(first, int):
        return slice(first, first + count)
    steps = torch.arange(count, device=first.device)  # [position]
    return (first[:, None] + steps).clamp(min=0)  # [batch position]


def embed(
    model: Model,
    tokens: Int[Tensor, "batch position"],
    start: int | Int[Tensor, " batch"] = 0,
) -> Float[Tensor, "batch position d_model"]:
    """The residual stream before the first layer.

    Parameters
    ----------
    start
        Position of the first token in the prompt, or in each prompt.

    Raises
    ------
    ValueError
        When a prompt is longer than the model's context, or a token unknown to it.
    """
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
    resid = model.W_E[tokens]  # [batch position d_model]
    if model.W_pos is not None:
        resid = resid + model.W_pos[positions_from(start, tokens.shape[1])]
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

    Parameters
    ----------
    added
        Added to attn_out of each layer: one vector per prompt and position. A patch of
        heads is such a vector; attribution patching needs the gradient with respect to
        it.
    before
        The run of the same prompts' earlier tokens, if `tokens` are only those that
        follow. The activations returned are then of all positions.
    padding
        How many of each prompt's first tokens are padding.
    """
    start: int | Tensor = 0 if before is None else before.n_positions
    if padding is not None:
        start = -padding
    # Unbound once: the gradient of indexing would fill the whole tensor at each layer.
    additions = [None] * len(model.layers) if added is None else added.unbind()
    resid = embed(model, tokens, start)  # [batch position d_model]
    kept = []
    for index, layer in enumerate(model.layers):
        x = normalise(resid, model.config)
        q, k, v = project_qkv(x, layer, model, start)  # [batch position heads d_head]
        if before is not None:
            k = torch.cat((before.k[index], k), dim=1)  # [batch key_pos kv_head d_head]
            v = torch.cat((before.v[index], v), dim=1)
        keys, values = (per_query_head(each, model.config) for each in (k, v))
        pattern = attention_pattern(q, keys, padding)  # [batch head query_pos key_pos]
        z = head_outputs(pattern, values)  # [batch position head d_head]
        kept.append((resid, q, k, v, pattern, z))

        resid_mid = resid + attn_out(z, layer)  # [batch position d_model]
        if additions[index] is not None:
            resid_mid = resid_mid + additions[index]
        if not model.config.parallel_attn_mlp:
            x = normalise(resid_mid, model.config)
        resid = resid_mid + mlp_out(x, layer)
    stacked = {
        name: torch.stack(by_layer)  # [layer batch ...]
        for name, by_layer in zip(BY_LAYER, zip(*kept, strict=True), strict=True)
    }
    if before is not None:
        stacked = following(before, stacked)
    logits = unembed(model, resid[:, -1])  # [batch d_vocab]
    return Activations(**stacked, final_logits=logits, padding=padding)
