"""The activations of a forward pass, which patching and evidence read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Activations:
    """The activations of a batch of prompts, aligned at their last position, END.

    `q` and `k` are taken after the rotary embedding; `final_logits` are the logits at
    END. `padding` is the number of positions before each shorter prompt, which no query
    attends to (None: all prompts are equally long).
    """

    resid_pre: Float[Tensor, "layer batch position d_model"]
    q: Float[Tensor, "layer batch position head d_head"]
    k: Float[Tensor, "layer batch position kv_head d_head"]
    v: Float[Tensor, "layer batch position kv_head d_head"]
    pattern: Float[Tensor, "layer batch head query_pos key_pos"]
    z: Float[Tensor, "layer batch position head d_head"]
    final_logits: Float[Tensor, "batch d_vocab"]
    padding: Int[Tensor, " batch"] | None = None

    def __len__(self) -> int:
        return self.final_logits.shape[0]

    @property
    def n_positions(self) -> int:
        """Tokens per prompt, padding included."""
        return self.resid_pre.shape[2]

    def position_in_prompt(self, position: int) -> int | Int[Tensor, " batch"]:
        """A position counted from each prompt's first token, without its padding."""
        return position if self.padding is None else position - self.padding

    def select(self, rows: slice | list[int]) -> "Activations":
        """The activations of some prompts of the batch, in the given order."""
        logits = self.final_logits[rows]
        padding = None if self.padding is None else self.padding[rows]
        parts = {name: tensor[:, rows] for name, tensor in self.by_layer()}
        return Activations(**parts, final_logits=logits, padding=padding)

    def after(self, padding: int) -> "Activations":
        """The activations of prompts that all have this padding, without it."""
        parts = {name: tensor[:, :, padding:] for name, tensor in self.by_layer()}
        parts["pattern"] = self.pattern[..., padding:, padding:]
        return Activations(**parts, final_logits=self.final_logits)

    def until(self, position: int) -> "Activations":
        """The activations before a position of prompts without padding.

        The logits stay those at END.
        """
        parts = {name: tensor[:, :, :position] for name, tensor in self.by_layer()}
        parts["pattern"] = self.pattern[..., :position, :position]
        return Activations(**parts, final_logits=self.final_logits)

    def to(self, like: Tensor) -> "Activations":
        """The activations on the device and in the precision of another tensor."""
        logits = self.final_logits.to(like)
        padding = None if self.padding is None else self.padding.to(like.device)
        parts = {name: tensor.to(like) for name, tensor in self.by_layer()}
        return Activations(**parts, final_logits=logits, padding=padding)

    def detached(self) -> "Activations":
        """The activations without the graph that computed them."""
        logits = self.final_logits.detach()
        parts = {name: tensor.detach() for name, tensor in self.by_layer()}
        return replace(self, **parts, final_logits=logits)

    def by_layer(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of all activations whose first axis is the layer."""
        for name in BY_LAYER:
            yield name, getattr(self, name)


# Their first axis is the layer, their second the prompt.
BY_LAYER = tuple(
    field.name
    for field in fields(Activations)
    if field.name not in ("final_logits", "padding")
)


def following(before: Activations, later: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of all positions, from those of earlier and of later positions.

    The keys and values of `later` are of all positions already: its queries read them.
    """
    joined = {
        name: torch.cat((getattr(before, name), later[name]), dim=2)
        for name in ("resid_pre", "q", "z")
    }
    n_new = later["resid_pre"].shape[2]
    pattern = functional.pad(before.pattern, (0, n_new))  # nothing attends forwards
    joined["pattern"] = torch.cat((pattern, later["pattern"]), dim=3)
    return dict(later) | joined
