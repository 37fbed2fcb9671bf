"""Receivers: the ends of paths, and what they do when only their inputs change.

A path leads from a sender, the one head whose output is patched, to the receivers: the
q, k or v of some heads. The axis `sender` has one patched run for each sender; the axis
`receiver` the receiving heads of one layer. What the receivers then write is propagated
as any patch (`propagate`); receivers in higher layers keep the q, k or v that the path
gave them, so that they do not react to lower ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.lookup import one_of
from head_patching.models.activations import Activations
from head_patching.models.layers import attention_pattern, head_outputs
from head_patching.models.shape import ModelConfig
from head_patching.models.transformer import Model
from head_patching.patching.hooks import Held, Hook, InputHook
from head_patching.patching.propagate import Patches, blocks, propagate
from head_patching.patching.readout import PositionLabel
from head_patching.terms import HEAD_INPUTS, SHARED_IN_GROUP, Head, head_name


@dataclass(frozen=True)
class Receivers:
    """Where paths end: the `q`, `k` or `v` of some heads.

    With grouped-query attention a key or value is replaced for its query head alone, as
    in `deltas`.

    Parameters
    ----------
    activation
        What of the heads the path ends at: `q`, `k` or `v`.
    heads
        The receiving heads (layer, head).
    position
        Where that activation is replaced: each prompt's own position of that name, or a
        number (None: everywhere). `END` is the query position of name movers, `S1+1`
        the key position of induction heads.
    """

    activation: str
    heads: Sequence[Head]
    position: PositionLabel = None

    def __post_init__(self) -> None:
        one_of("receiver input", self.activation, HEAD_INPUTS)
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise ValueError(
                f"receivers {list(self.heads)}: expected one head or more, each once"
            )

    def __str__(self) -> str:
        heads = "+".join(head_name(*head) for head in sorted(self.heads))
        where = "all positions" if self.position is None else self.position
        return f"{self.activation} of {heads} at {where}"

    @property
    def by_layer(self) -> dict[int, list[int]]:
        """Indices of the receiving heads in each layer that has some, upwards."""
        groups = groupby(sorted(self.heads), key=lambda head: head[0])
        return {layer: [head for _, head in heads] for layer, heads in groups}


def propagate_from_receivers(
    model: Model,
    base: Activations,
    receivers: Receivers,
    resid_changes: Mapping[
        int, Float[Tensor, "_sender_below batch receiver_pos d_model"]
    ],
    receiver_pos: slice,
    held: Held | None = None,
) -> Float[Tensor, "sender batch d_model"]:
    """The final residual at END when only the receivers' inputs are replaced.

    A sender's patch starts at the lowest receivers that it reaches.

    Parameters
    ----------
    base
        The run in which they are replaced.
    resid_changes
        For each layer of receivers, by how much each sender changes its resid_pre
        (difference from the base run's). The axis `_sender_below` has only the senders
        below that layer, which are the first ones: its length differs between layers.
    receiver_pos
        The positions at which the receivers' q, k or v is replaced.
    held
        Heads that do not react to what the receivers then write.
    """
    first, n_layers = receiver_pos.start, model.config.n_layers
    activation = receivers.activation
    in_suffix = slice(0, receiver_pos.stop - first)
    senders_from, replacements = {}, {}
    hooks: dict[int, list[Hook]] = {}
    # Senders below the previous layer of receivers: their patches start there or lower,
    # in this layer they are hooked. Those between the two layers start here.
    n_started = 0
    for layer, heads in receivers.by_layer.items():
        replacements[layer] = receiver_inputs(
            model, base, layer, heads, activation, resid_changes[layer], receiver_pos
        )  # [_sender_below batch receiver_pos receiver d_head]
        n_below = len(replacements[layer])
        senders_from[layer] = range(n_started, n_below)
        hooks[layer] = [
            InputHook(sender, heads, activation, replacements[layer][sender], in_suffix)
            for sender in range(n_started)
        ]
        n_started = n_below
    for layer in range(n_layers) if held else ():
        n_below = max(
            (s.stop for at, s in senders_from.items() if at < layer), default=0
        )
        hooks.setdefault(layer, []).extend(held.hooks(layer, range(n_below), first))

    def patches_from(layer: int) -> Patches:
        senders = senders_from.get(layer, range(0))
        if not senders:
            return Patches.none(base, layer, first)
        deltas = receiver_deltas(
            model, base, layer, receivers.by_layer[layer], activation,
            replacements[layer][senders.start :], receiver_pos,
        )  # fmt: skip
        if layer < n_layers - 1:
            return Patches(senders, deltas)
        # Only END is read above the last layer: a delta elsewhere adds nothing to it.
        nonzero = deltas[:, :, -1].flatten(1).any(dim=1)  # [sender]
        patches = [sender for sender, yes in zip(senders, nonzero, strict=True) if yes]
        return Patches(patches, deltas[nonzero])

    return propagate(model, base, first, patches_from, n_started, hooks)


def receiver_inputs(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    activation: str,
    resid_change: Float[Tensor, "sender batch receiver_pos d_model"],
    receiver_pos: slice,
) -> Float[Tensor, "sender batch receiver_pos receiver d_head"]:
    """The q, k or v of some heads of a layer once its resid_pre has changed.

    Parameters
    ----------
    layer
        Index of the layer.
    heads
        Head indices in the layer.
    activation
        `q`, `k` or `v`.
    resid_change
        What each sender has added to resid_pre of the layer.
    receiver_pos
        The positions of that axis.
    """
    resid_pre = base.resid_pre[layer][:, receiver_pos] + resid_change
    first = base.position_in_prompt(receiver_pos.start)
    places = model.places(first, resid_pre.shape[2])
    qkv = model.layers[layer].qkv(resid_pre, places)
    by_name = dict(zip(HEAD_INPUTS, qkv, strict=True))
    return by_name[activation][..., input_heads(model.config, heads)[activation], :]


def receiver_deltas(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    activation: str,
    replacement: Float[Tensor, "sender batch receiver_pos receiver d_head"],
    receiver_pos: slice,
) -> Float[Tensor, "sender batch suffix_pos d_model"]:
    """What a layer's receivers add together to attn_out when their input is replaced.

    The axis `suffix_pos` has the positions from the first of `receiver_pos` on.

    Parameters
    ----------
    base
        The run in which the input is replaced.
    layer
        Index of the layer.
    heads
        Head indices of the receivers in the layer.
    activation
        The input: `q`, `k` or `v`.
    replacement
        What replaces it, for each sender.
    receiver_pos
        The positions at which it is replaced.
    """
    rule = model.layers[layer].rule.of_heads(heads)
    base_inputs = {
        name: getattr(base, name)[layer][:, :, indices]
        for name, indices in input_heads(model.config, heads).items()
    }  # each [batch position receiver d_head]

    def z_of(inputs: Mapping[str, Tensor]) -> Tensor:
        q, padding = inputs["q"][:, receiver_pos.start :], base.padding
        if padding is not None:
            padding = padding.repeat(len(q) // len(base))  # [sender*batch]
        pattern = attention_pattern(q, inputs["k"], padding, rule)
        return head_outputs(pattern, inputs["v"])

    z_changes = []
    n_vectors = base_inputs["k"][:, :, 0, 0].numel()  # batch * position
    for block in blocks(len(replacement), n_vectors, model.device):
        of_block = replacement[block]  # [sender batch receiver_pos receiver d_head]
        # All prompts of the block's senders as one long batch: its inputs are copies of
        # the base run's, [sender*batch position receiver d_head].
        inputs = {
            name: tensor.repeat(len(of_block), 1, 1, 1)
            for name, tensor in base_inputs.items()
        }
        inputs[activation][:, receiver_pos] = of_block.flatten(0, 1)
        # [sender batch suffix_pos receiver d_head]
        z = z_of(inputs).unflatten(0, of_block.shape[:2])
        z_changes.append(z - z_of(base_inputs))
    W_O = model.layers[layer].W_O[list(heads)]  # [receiver d_head d_model]
    return torch.einsum("sbphd,hdm->sbpm", torch.cat(z_changes), W_O)


def input_heads(config: ModelConfig, heads: Sequence[int]) -> dict[str, list[int]]:
    """For q, k and v: the index to read for each of these query heads.

    That is the head's own index for q, that of its key-value head for k and v.
    """
    groups = [head // config.group_size for head in heads]
    return {
        name: groups if name in SHARED_IN_GROUP else list(heads) for name in HEAD_INPUTS
    }
