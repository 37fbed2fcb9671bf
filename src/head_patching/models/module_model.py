"""A model that is run by transformers' own modules, because it is not one we fold."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.places import Places
from head_patching.models.stream import Stream
from head_patching.models.transformer import Model

UNEMBEDDED_AT_ONCE = 256  # residual vectors


@dataclass
class ModuleModel(Model):
    """A `Model` whose layers are `ModuleLayer`.

    Parameters
    ----------
    stream
        Its residual stream, between transformers' modules.
    logit_softcap
        Logits are squeezed between minus and plus this number (None: they are not).
    reads_linearly
        Whether logits are the normalised stream times W_U, but for that.
    """

    stream: Stream | None = None
    logit_softcap: float | None = None
    reads_linearly: bool = True

    @property
    def is_rotary(self) -> bool:
        """Whether queries or keys depend on their positions, in any layer."""
        here, there = self.places(0, 1), self.places(1, 1)
        x = self.W_E[:1, None]
        return any(
            not torch.equal(layer.qkv(x, here)[0], layer.qkv(x, there)[0])
            for layer in self.layers
        )

    def places(self, first: int | Int[Tensor, " batch"], count: int) -> Places:
        """`count` positions from `first` on (see `Model.places`)."""
        return Places.of(first, count, self.device)

    def embed(
        self,
        tokens: Int[Tensor, "batch position"],
        start: int | Int[Tensor, " batch"] = 0,
    ) -> Float[Tensor, "batch position d_model"]:
        """What the first layer reads."""
        numbers = self.places(start, tokens.shape[1]).numbers.expand(tokens.shape)
        return self.stream.embed(tokens, numbers)

    def unembed(
        self, resid: Float[Tensor, "... d_model"]
    ) -> Float[Tensor, "... d_vocab"]:
        """Logits of a final residual stream."""
        parts = resid.flatten(0, -2).split(UNEMBEDDED_AT_ONCE)
        logits = torch.cat([self.stream.unembed(part) for part in parts])
        return logits.unflatten(0, resid.shape[:-1])

    def logit_diff(
        self,
        resid: Float[Tensor, "*patch batch d_model"],
        answer: Int[Tensor, " batch"],
        wrong_answer: Int[Tensor, " batch"],
    ) -> Float[Tensor, "*patch batch"]:
        """logit(answer) - logit(wrong answer) of a final residual stream."""
        if self.reads_linearly and self.logit_softcap is None:
            return super().logit_diff(resid, answer, wrong_answer)
        logits = self.unembed(resid)
        both = (
            logits.gather(-1, tokens.expand(logits.shape[:-1])[..., None])[..., 0]
            for tokens in (answer, wrong_answer)
        )
        return next(both) - next(both)

    def to(self, device: str, dtype: torch.dtype) -> "ModuleModel":
        """The model on another device, or in another precision."""
        self.stream.to(device, dtype)
        layers = [layer.to(device, dtype) for layer in self.layers]
        moved = {n: getattr(self, n).to(device, dtype) for n in ("W_E", "W_U", "b_U")}
        if self.W_pos is not None:
            moved["W_pos"] = self.W_pos.to(device, dtype)
        return replace(self, layers=layers, **moved)
