"""One readable forward pass of a decoder-only transformer.

With the parts of a layer (`models.layers`) it covers GPT-2 (learned positions,
LayerNorm, gelu), GPT-NeoX (parallel attention and MLP, partial rotary positions) and
Llama (rotary positions, RMSNorm, gated MLP, grouped-query attention). Weights are in
TransformerLens's folded convention: norms have no weights of their own, writing weights
are centred where the norm subtracts a mean, and the unembedding is centred.

`tests/models/test_transformer.py` compares every residual and the logits with
TransformerLens on all three architectures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.activations import BY_LAYER, Activations, following
from head_patching.models.attending import Attention
from head_patching.models.layer import Layer
from head_patching.models.layers import normalise
from head_patching.models.places import Places
from head_patching.models.shape import ModelConfig
from head_patching.models.weights import moved


@dataclass
class Model:
    """Weights, tokenizer and provenance of one language model."""

    config: ModelConfig
    layers: Sequence[Layer]
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

    def places(self, first: int | Int[Tensor, " batch"], count: int) -> Places:
        """`count` positions from `first` on, counted in the prompt or in each prompt.

        Where `first` differs between prompts, each prompt has positions of its own.
        """
        places = Places.of(first, count, self.device)
        if self.rotary_cos is None or self.rotary_sin is None:
            return places
        rows: slice | Tensor = places.numbers
        if isinstance(first, int):
            rows = slice(first, first + count)  # a view
        return replace(places, cos=self.rotary_cos[rows], sin=self.rotary_sin[rows])

    def embed(
        self,
        tokens: Int[Tensor, "batch position"],
        start: int | Int[Tensor, " batch"] = 0,
    ) -> Float[Tensor, "batch position d_model"]:
        """The residual stream before the first layer (see the function `embed`)."""
        resid = self.W_E[tokens]  # [batch position d_model]
        if self.W_pos is not None:
            resid = resid + self.W_pos[self.places(start, tokens.shape[1]).numbers]
        return resid

    def unembed(
        self, resid: Float[Tensor, "... d_model"]
    ) -> Float[Tensor, "... d_vocab"]:
        """Logits of a final residual stream."""
        return normalise(resid, self.config) @ self.W_U + self.b_U

    def logit_diff(
        self,
        resid: Float[Tensor, "*patch batch d_model"],
        answer: Int[Tensor, " batch"],
        wrong_answer: Int[Tensor, " batch"],
    ) -> Float[Tensor, "*patch batch"]:
        """logit(answer) - logit(wrong answer) of a final residual stream.

        Two columns of the unembedding are needed.
        """
        direction = (self.W_U[:, answer] - self.W_U[:, wrong_answer]).T
        offset = self.b_U[answer] - self.b_U[wrong_answer]  # [batch]
        along = normalise(resid, self.config) * direction  # [*patch batch d_model]
        return along.sum(dim=-1) + offset

    def to(self, device: str, dtype: torch.dtype) -> "Model":
        """The model on another device, or in another precision."""
        layers = [layer.to(device, dtype) for layer in self.layers]
        return replace(self, layers=layers, **moved(self, device, dtype))

    @property
    def failed_checks(self) -> list[str]:
        """The engine's assumptions that this model does not meet (`models.checks`)."""
        return self.provenance.get("check", {}).get("failed", [])

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt that the model takes, and was checked for."""
        return self.provenance.get("check", {}).get("longest_prompt", self.config.n_ctx)

    @property
    def is_rotary(self) -> bool:
        """Whether queries and keys are turned by their positions."""
        return self.rotary_cos is not None

    def require_engine(self, purpose: str) -> None:
        """Refuse what only the engine can do for a model that fails its checks."""
        if self.failed_checks:
            raise ValueError(
                f"{self.config.name} fails the engine's check of "
                f"{', '.join(self.failed_checks)}: {purpose} is not possible; prepare "
                "the model again"
            )

    @torch.no_grad()
    def run(self, tokens: Int[Tensor, "batch position"]) -> Activations:
        """The activations of one forward pass."""
        return forward(self, tokens)


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
    require_length(model, stop)
    if tokens.numel() and int(tokens.max()) >= model.config.d_vocab:
        raise ValueError(
            f"token {int(tokens.max())} is not in the vocabulary of {model.config.name}"
            f" ({model.config.d_vocab} tokens): the prompts belong to another model"
        )
    return model.embed(tokens, start)


def require_length(model: Model, n_tokens: int) -> None:
    """Refuse prompts longer than the context, or than those that were checked."""
    name, n_ctx = model.config.name, model.config.n_ctx
    if n_tokens > n_ctx:
        raise ValueError(
            f"prompts have {n_tokens} tokens; {name} takes at most {n_ctx}"
        )
    if n_tokens > model.longest_prompt:
        raise ValueError(
            f"prompts have {n_tokens} tokens; {name} was compared with transformers on "
            f"{model.longest_prompt} at most, and its attention changes beyond"
        )


def unembed(
    model: Model, resid: Float[Tensor, "... d_model"]
) -> Float[Tensor, "... d_vocab"]:
    """Logits of a final residual stream."""
    return model.unembed(resid)


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
    places = model.places(start, tokens.shape[1])
    kept = []
    for index, layer in enumerate(model.layers):
        earlier = None if before is None else (before.k[index], before.v[index])
        attention = Attention(layer, padding, earlier)
        resid_post = layer.through(resid, places, attention, added=additions[index])
        kept.append((resid, *attention.kept))
        resid = resid_post
    stacked = {
        name: torch.stack(by_layer)  # [layer batch ...]
        for name, by_layer in zip(BY_LAYER, zip(*kept, strict=True), strict=True)
    }
    if before is not None:
        stacked = following(before, stacked)
    logits = unembed(model, resid[:, -1])  # [batch d_vocab]
    return Activations(**stacked, final_logits=logits, padding=padding)
