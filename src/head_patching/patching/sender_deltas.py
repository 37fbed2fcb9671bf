"""What senders of paths add to attn_out: the deltas of single heads and of sets.

A sender is a set of heads whose outputs are patched together, often of one head. A
delta is what it adds to attn_out of one layer.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.deltas import head_deltas
from head_patching.patching.head_sets import heads_in
from head_patching.terms import Head


@dataclass(frozen=True)
class SenderDeltas:
    """What each sender adds to attn_out: of its lowest layer, and of its higher ones.

    Parameters
    ----------
    layers
        The lowest layer of each sender, ascending.
    lowest
        What it adds there.
    higher
        For each layer in which a sender has heads above its lowest layer: the indices
        of such senders, and what they add.
    """

    layers: Sequence[int]
    lowest: Float[Tensor, "sender batch receiver_pos d_model"]
    higher: Mapping[int, tuple[list[int], Tensor]]

    def nonzero(self, below: int) -> Bool[Tensor, "sender batch"]:
        """Where a sender adds anything in a layer below this one."""
        has_delta = self.lowest.flatten(2).any(dim=2)
        has_delta[bisect_left(self.layers, below) :] = False
        for layer, (senders, deltas) in self.higher.items():
            if layer < below:
                has_delta[senders] |= deltas.flatten(2).any(dim=2)
        return has_delta

    def select(self, senders: Sequence[int]) -> "SenderDeltas":
        """Some of the senders, given by their indices in ascending order."""
        number = {sender: index for index, sender in enumerate(senders)}
        higher = {}
        for layer, (of_layer, deltas) in self.higher.items():
            rows = [row for row, sender in enumerate(of_layer) if sender in number]
            if rows:
                higher[layer] = [number[of_layer[row]] for row in rows], deltas[rows]
        layers = [self.layers[sender] for sender in senders]
        return SenderDeltas(layers, self.lowest[list(senders)], higher)


def sender_deltas(
    model: Model,
    base: Activations,
    source: Activations,
    senders: Sequence[Sequence[Head]],
    receiver_pos: slice,
    sender_mask: Bool[Tensor, "batch position"] | None,
) -> SenderDeltas:
    """What each sender adds to attn_out of its layers, at the receivers' positions.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that senders' outputs are taken from.
    senders
        Sets of heads (layer, head) in the order of their lowest layers.
    receiver_pos
        The positions of that axis.
    sender_mask
        Where senders are patched (None: everywhere).
    """
    layers = [min(layer for layer, _ in heads) for heads in senders]
    count = receiver_pos.stop - receiver_pos.start
    lowest, higher = [], {}
    for layer in sorted({layer for heads in senders for layer, _ in heads}):
        of_layer = head_deltas(
            model, base, source, layer, "output", receiver_pos.start, sender_mask,
        )[:, :, :count]  # [head batch receiver_pos d_model]  # fmt: skip
        starting, joining = [], {}
        for index, heads in enumerate(senders):
            members = heads_in(heads, layer)
            if members and layers[index] == layer:
                starting.append(members)
            elif members:
                joining[index] = members
        if starting:
            lowest.append(sums_of_members(of_layer, starting))
        if joining:
            deltas = sums_of_members(of_layer, list(joining.values()))
            higher[layer] = list(joining), deltas
    return SenderDeltas(layers, torch.cat(lowest), higher)


def sums_of_members(
    of_heads: Float[Tensor, "head batch receiver_pos d_model"],
    members: Sequence[Sequence[int]],
) -> Float[Tensor, "sender batch receiver_pos d_model"]:
    """The sum over the heads of each sender that are in one layer."""
    if all(len(heads) == 1 for heads in members):
        return of_heads[[head for (head,) in members]]
    return torch.stack([of_heads[list(heads)].sum(dim=0) for heads in members])
