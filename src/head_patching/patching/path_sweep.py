"""One sweep of path patching: every sender in turn, for one batch of prompts.

With attention frozen no position sees another: what a sender's output does on its way
to the receivers is computed only at the positions where they read (`read_pos`), for all
senders together. What happens from the receivers on is in `receivers`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.layers import attention_write, mlp_write, normalise
from head_patching.models.transformer import Model
from head_patching.patching.deltas import head_deltas
from head_patching.patching.head_sets import Head
from head_patching.patching.propagate import blocks, final_residual
from head_patching.patching.receivers import Receivers, propagate_from_receivers

Mlps = Literal["recomputed", "frozen"]
MLPS: tuple[Mlps, ...] = get_args(Mlps)


def sweep_paths(
    model: Model,
    base: Activations,
    source: Activations,
    senders: Sequence[Head],
    receivers: Receivers | Literal["logits"],
    read_at: slice,
    patched_at: Bool[Tensor, "batch position"] | None = None,
    mlps: Mlps = "recomputed",
) -> Float[Tensor, "sender batch d_model"]:
    """The final residual at END with each sender's path to the receivers patched.

    Where nothing arrives it is exactly the base run's.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that senders' outputs are taken from.
    senders
        Heads in the order of their layers.
    read_at
        The positions at which receivers read, as numbers; END if they are the logits.
    patched_at
        Where senders are patched (None: everywhere).
    mlps
        Those on the way: `recomputed`, or `frozen` as in the base run.
    """
    top = model.config.n_layers
    ends: Collection[int] = [top]
    if isinstance(receivers, Receivers):
        ends = receivers.by_layer
    deltas = sender_deltas(model, base, source, senders, read_at, patched_at)
    arrives = deltas.flatten(2).any(dim=2)  # [sender batch]
    layers = [layer for layer, _ in senders]
    n_below = bisect_left(layers, max(ends))
    moving = arrives[:n_below].any(dim=1).nonzero()[:, 0].tolist()
    unpatched = final_residual(model, base)  # [batch d_model]
    final = unpatched.expand(len(senders), -1, -1).clone()  # [sender batch d_model]
    if not moving:
        return final
    layers, deltas = [layers[sender] for sender in moving], deltas[moving]
    changes = changes_arriving(model, base, layers, deltas, read_at, ends, mlps)
    if isinstance(receivers, Receivers):
        final[moving] = propagate_from_receivers(
            model, base, receivers, changes, read_at
        )
    else:
        final[moving] += changes[top][:, :, 0]
    return torch.where(arrives[:, :, None], final, unpatched)


def sender_deltas(
    model: Model,
    base: Activations,
    source: Activations,
    senders: Sequence[Head],
    read_at: slice,
    patched_at: Bool[Tensor, "batch position"] | None,
) -> Float[Tensor, "sender batch read_pos d_model"]:
    """What each sender adds, at the positions where the receivers read.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that senders' outputs are taken from.
    senders
        Heads in the order of their layers.
    read_at
        The positions at which receivers read (`read_pos`).
    patched_at
        Where senders are patched (None: everywhere).
    """
    deltas = []
    for layer, heads in groupby(senders, key=lambda head: head[0]):
        of_layer = head_deltas(
            model.config, model.layers[layer].W_O, base, source, layer, "output",
            read_at.start, patched_at,
        )  # fmt: skip
        deltas.append(of_layer[[head for _, head in heads]])
    return torch.cat(deltas)[:, :, : read_at.stop - read_at.start]


def changes_arriving(
    model: Model,
    base: Activations,
    sender_layers: Sequence[int],
    deltas: Float[Tensor, "sender batch read_pos d_model"],
    read_at: slice,
    ends: Collection[int],
    mlps: Mlps,
) -> dict[int, Float[Tensor, "_below batch read_pos d_model"]]:
    """What each sender's delta has made of resid_pre at some layers.

    All heads but the sender are frozen. At each layer only the senders below it have
    rows, which are the first ones.

    Parameters
    ----------
    sender_layers
        The layer of each sender, ascending.
    deltas
        What each sender adds.
    read_at
        The positions of `read_pos`.
    ends
        The layers; `n_layers` means the final residual stream.
    mlps
        Whether MLPs are `recomputed` or `frozen`.
    """
    change, arriving, top = deltas.clone(), {}, max(ends)
    for layer in range(top + 1):
        n_below = bisect_left(sender_layers, layer)
        if layer in ends:
            arriving[layer] = change[:n_below].clone()
        if layer < top and mlps == "recomputed":
            n_read = n_below  # a parallel MLP reads resid_pre, as its layer's heads do
            if not model.config.parallel_attn_mlp:
                n_read = bisect_right(sender_layers, layer)
            add_mlp_reaction(model, base, layer, change[:n_read], read_at)
    return arriving


def add_mlp_reaction(
    model: Model,
    base: Activations,
    index: int,
    change: Float[Tensor, "sender batch read_pos d_model"],
    read_at: slice,
) -> None:
    """Add, in place, how the MLP of layer `index` reacts to a change of what it reads.

    Parameters
    ----------
    change
        Of the residual stream that the MLP reads; its reaction is added to it.
    read_at
        The positions of `read_pos`.
    """
    layer, config = model.layers[index], model.config
    read = base.resid_pre[index][:, read_at]  # [batch read_pos d_model]
    if not config.parallel_attn_mlp:
        read = read + attention_write(base.z[index][:, read_at], layer)
    before = mlp_write(normalise(read, config), layer)
    for block in blocks(len(change), read[..., 0].numel(), model.device):
        after = mlp_write(normalise(read + change[block], config), layer)
        change[block] += after - before
