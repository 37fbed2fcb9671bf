"""One sweep of path patching: every set of senders in turn, for one batch of prompts.

A sender is one head, or a set of heads whose outputs are patched together. With
attention frozen no position sees another: what a sender's output does on its way to the
receivers is computed only at their positions (the axis `receiver_pos`), for all senders
together. What happens from the receivers on is in `receivers`.

What a sender adds to attn_out is in `sender_deltas`. A change of the residual stream,
that is its difference from the base run's, is these deltas and what MLPs have made of
them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.hooks import Held
from head_patching.patching.propagate import blocks, final_residual
from head_patching.patching.receivers import Receivers, propagate_from_receivers
from head_patching.patching.sender_deltas import SenderDeltas, sender_deltas
from head_patching.terms import Head

MlpMode = Literal["recomputed", "frozen"]
MLP_MODES: tuple[MlpMode, ...] = get_args(MlpMode)


def sweep_paths(
    model: Model,
    base: Activations,
    source: Activations,
    senders: Sequence[Sequence[Head]],
    receivers: Receivers | Literal["logits"],
    receiver_pos: slice,
    sender_mask: Bool[Tensor, "batch position"] | None = None,
    mlps: MlpMode = "recomputed",
    held: Held | None = None,
) -> Float[Tensor, "sender batch d_model"]:
    """The final residual at END with each sender's path to the receivers patched.

    It is exactly the base run's for a sender with no receiver above it, or whose deltas
    are zero where the receivers are.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that senders' outputs are taken from.
    senders
        Sets of heads (layer, head), each set patched together, in the order of their
        lowest layers.
    receivers
        The q, k or v of some heads, or the logits.
    receiver_pos
        The positions at which the receivers' q, k or v is replaced; END if they are the
        logits.
    sender_mask
        Where senders are patched (None: everywhere).
    mlps
        Whether MLPs between sender and receivers are `recomputed`, or `frozen` at their
        outputs in the base run.
    held
        Heads that do not react to what the receivers then write.
    """
    n_layers = model.config.n_layers
    receiver_layers: Collection[int] = [n_layers]
    if isinstance(receivers, Receivers):
        receiver_layers = receivers.by_layer
    deltas = sender_deltas(model, base, source, senders, receiver_pos, sender_mask)
    has_delta = deltas.nonzero(max(receiver_layers))  # [sender batch]
    # The senders that are propagated, by their indices.
    nonzero = has_delta.any(dim=1).nonzero()[:, 0].tolist()
    unpatched = final_residual(model, base)  # [batch d_model]
    final = unpatched.expand(len(senders), -1, -1).clone()  # [sender batch d_model]
    if not nonzero:
        return final
    resid_changes = changes_at_receivers(
        model, base, deltas.select(nonzero), receiver_pos, receiver_layers, mlps
    )
    if isinstance(receivers, Receivers):
        final[nonzero] = propagate_from_receivers(
            model, base, receivers, resid_changes, receiver_pos, held
        )
    else:
        # At END, the one position of receiver_pos: [sender batch d_model].
        final[nonzero] += resid_changes[n_layers][:, :, 0]
    return torch.where(has_delta[:, :, None], final, unpatched)


def changes_at_receivers(
    model: Model,
    base: Activations,
    deltas: SenderDeltas,
    receiver_pos: slice,
    receiver_layers: Collection[int],
    mlps: MlpMode,
) -> dict[int, Float[Tensor, "_sender_below batch receiver_pos d_model"]]:
    """By how much each sender changes resid_pre of the receivers' layers.

    All heads but the sender's are frozen. The axis `_sender_below` of a layer has only
    the senders that begin below it, which are the first ones.

    Parameters
    ----------
    deltas
        What each sender adds to attn_out of its layers.
    receiver_pos
        The positions of that axis.
    receiver_layers
        The layers of the receivers; `n_layers` means the final residual stream.
    mlps
        Whether MLPs are `recomputed`, or `frozen` at their outputs in the base run.
    """
    resid_change, at_receivers = torch.zeros_like(deltas.lowest), {}
    highest = max(receiver_layers)
    for layer in range(highest + 1):
        n_below = bisect_left(deltas.layers, layer)
        if layer in receiver_layers:
            at_receivers[layer] = resid_change[:n_below].clone()
        if layer < highest:
            change_by_layer_(
                model, base, layer, resid_change, deltas, receiver_pos, mlps
            )
    return at_receivers


def change_by_layer_(
    model: Model,
    base: Activations,
    layer: int,
    resid_change: Float[Tensor, "sender batch receiver_pos d_model"],
    deltas: SenderDeltas,
    receiver_pos: slice,
    mlps: MlpMode,
) -> None:
    """Take, in place, the senders' changes of resid_pre through one layer.

    Parameters
    ----------
    layer
        Index of the layer.
    resid_change
        Change of the residual stream that the layer reads; 0 for senders that begin in
        the layer. Those that begin above it are left alone.
    deltas
        What each sender adds to attn_out of its layers.
    receiver_pos
        The positions of that axis.
    mlps
        As in `changes_at_receivers`.
    """
    n_below = bisect_left(deltas.layers, layer)
    n_here = bisect_right(deltas.layers, layer)
    if not n_here:
        return
    resid_pre = base.resid_pre[layer][:, receiver_pos]
    places = model.places(base.position_in_prompt(0), base.n_positions)
    change = model.layers[layer].changing(
        resid_pre, base.z[layer][:, receiver_pos], places.at(receiver_pos), mlps
    )
    # All senders in one product: the weights are read once.
    added = torch.zeros_like(resid_change[:n_here])
    added[n_below:] = deltas.lowest[n_below:n_here]
    if layer in deltas.higher:
        senders, of_layer = deltas.higher[layer]
        added[senders] = of_layer
    n_vectors = resid_pre[..., 0].numel()  # batch * receiver_pos
    for block in blocks(n_here, n_vectors, model.device):
        resid_change[block] = change(resid_change[block], added[block])
