"""How the scores of queries and keys become an attention pattern.

Whatever a model does position by position can be any function; what mixes positions has
to be known, since patched runs are computed for a part of the positions only. A rule is
that knowledge, for one layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class AttentionRule:
    """The rule of one layer.

    Parameters
    ----------
    scale
        What products of queries and keys are multiplied by (None: one over the root of
        the number of their dimensions).
    window
        How many keys a query attends to, its own position included (None: all before).
    softcap
        Scores are squeezed between minus and plus this number, by a hyperbolic tangent
        (None: they are not).
    slopes
        Added to each score, for every position that the key lies before the query, is
        minus this number (ALiBi, Press et al. 2021, arXiv 2108.12409).
    sinks
        A score of nothing, which takes a part of the attention.
    """

    scale: float | None = None
    window: int | None = None
    softcap: float | None = None
    slopes: Float[Tensor, " head"] | None = None
    sinks: Float[Tensor, " head"] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether all keys before a query are attended to, by scaled scores alone."""
        rest = self.scale, self.window, self.softcap, self.slopes, self.sinks
        return all(each is None for each in rest)

    def to(self, device: str | torch.device, dtype: torch.dtype) -> "AttentionRule":
        """The rule on another device, or in another precision."""
        tensors = {"slopes": self.slopes, "sinks": self.sinks}
        moved = {k: t.to(device, dtype) for k, t in tensors.items() if t is not None}
        return replace(self, **moved)

    def of_heads(self, heads: Sequence[int]) -> "AttentionRule":
        """The rule of some heads of the layer alone."""
        tensors = {"slopes": self.slopes, "sinks": self.sinks}
        some = {k: t[list(heads)] for k, t in tensors.items() if t is not None}
        return replace(self, **some)

    def pattern(
        self,
        products: Float[Tensor, "*batch head query_pos key_pos"],
        d_head: int,
        readable: Bool[Tensor, "*#batch #head #query_pos key_pos"] | None = None,
    ) -> Float[Tensor, "*batch head query_pos key_pos"]:
        """The attention pattern.

        Parameters
        ----------
        products
            Of queries and keys; the last query and the last key have one position.
        d_head
            Dimensions of queries and keys.
        readable
            Keys that may be attended to, besides what the rule says (None: all).
        """
        n_query, n_key = products.shape[-2:]
        places = torch.arange(n_key, device=products.device)
        ahead = places[-n_query:, None] - places  # positions from key to query
        scores = products * (d_head**-0.5 if self.scale is None else self.scale)
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if self.slopes is not None:
            scores = scores - self.slopes[:, None, None] * ahead
        allowed = ahead >= 0
        if self.window is not None:
            allowed = allowed & (ahead < self.window)
        if readable is not None:
            # Padding attends to itself: a row without any key would be undefined.
            allowed = (allowed & readable) | (ahead == 0)
        scores = scores.masked_fill(~allowed, float("-inf"))
        if self.sinks is None:
            return scores.softmax(dim=-1)
        sinks = self.sinks[:, None, None].expand(*scores.shape[:-1], 1)
        return torch.cat((scores, sinks), dim=-1).softmax(dim=-1)[..., :-1]


PLAIN = AttentionRule()


def readable_keys(
    padding: Int[Tensor, " batch"] | None, n_key: int
) -> Bool[Tensor, "batch 1 1 key_pos"] | None:
    """The keys of each prompt that are not padding (None: there is none)."""
    if padding is None:
        return None
    places = torch.arange(n_key, device=padding.device)
    return (places >= padding[:, None])[:, None, None]
