"""Places: numbers of positions in their prompts, and how they rotate q and k."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

ALL = slice(None)


@dataclass(frozen=True)
class Places:
    """Consecutive positions, the same in all prompts or each prompt's own.

    Parameters
    ----------
    numbers
        Counted from each prompt's first token; padding has 0.
    cos, sin
        Cosines and sines of these positions (None: the layers rotate by their own).
    """

    numbers: Int[Tensor, "*batch position"]
    cos: Float[Tensor, "*batch position rotary_dim"] | None = None
    sin: Float[Tensor, "*batch position rotary_dim"] | None = None

    def at(self, pos: slice) -> "Places":
        """Some of the positions."""
        if self.cos is None or self.sin is None:
            return Places(self.numbers[..., pos])
        cos, sin = self.cos[..., pos, :], self.sin[..., pos, :]
        return Places(self.numbers[..., pos], cos, sin)

    @classmethod
    def of(
        cls, first: int | Int[Tensor, " batch"], count: int, device: torch.device
    ) -> "Places":
        """`count` positions from `first` on, counted in the prompt or in each prompt.

        Padding has negative positions; the first one, 0, is used in their place.
        """
        steps = torch.arange(count, device=device)  # [position]
        if isinstance(first, int):
            return cls(steps + first)
        return cls((first[:, None] + steps).clamp(min=0))  # [batch position]
