"""Activations: what one forward pass leaves for later steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Activations:
    """What one forward pass over equal-length prompts leaves for later steps.

    `q` and `k` are taken after the rotary embedding; `final_logits` are the logits at
    END, the last position.
    """

    resid_pre: Float[Tensor, "layer batch position d_model"]
    q: Float[Tensor, "layer batch position head d_head"]
    k: Float[Tensor, "layer batch position kv_head d_head"]
    v: Float[Tensor, "layer batch position kv_head d_head"]
    pattern: Float[Tensor, "layer batch head query_pos key_pos"]
    z: Float[Tensor, "layer batch position head d_head"]
    final_logits: Float[Tensor, "batch d_vocab"]

    def __len__(self) -> int:
        return self.final_logits.shape[0]

    @property
    def n_positions(self) -> int:
        """Tokens per prompt."""
        return self.resid_pre.shape[2]

    def select(self, rows: slice | list[int]) -> "Activations":
        """The activations of some prompts of the batch, in the given order."""
        logits = self.final_logits[rows]
        parts = {name: tensor[:, rows] for name, tensor in self.by_layer()}
        return Activations(**parts, final_logits=logits)

    def to(self, like: Tensor) -> "Activations":
        """The same values, where another tensor is and of its precision."""
        parts = {name: tensor.to(like) for name, tensor in self.by_layer()}
        return Activations(**parts, final_logits=self.final_logits.to(like))

    def detached(self) -> "Activations":
        """The same values, without the graph that led to them."""
        logits = self.final_logits.detach()
        parts = {name: tensor.detach() for name, tensor in self.by_layer()}
        return Activations(**parts, final_logits=logits)

    def by_layer(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of everything whose first axis is the layer."""
        for entry in fields(self):
            if entry.name != "final_logits":
                yield entry.name, getattr(self, entry.name)


def following(before: Activations, later: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A run's tensors at later positions, put after those of the earlier ones.

    The keys and values of `later`, which its queries read, are of all positions.
    """
    n_new = later["resid_pre"].shape[2]
    pattern = functional.pad(before.pattern, (0, n_new))
    return {
        "resid_pre": torch.cat((before.resid_pre, later["resid_pre"]), dim=2),
        "q": torch.cat((before.q, later["q"]), dim=2),
        "k": later["k"],
        "v": later["v"],
        "pattern": torch.cat((pattern, later["pattern"]), dim=3),
        "z": torch.cat((before.z, later["z"]), dim=2),
    }
