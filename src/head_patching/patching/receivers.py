"""Receivers: the ends of paths, and what they do when only their inputs change.

What receivers then write is propagated as any patch (`propagate`); receivers in higher
layers keep the input that arrived at them, so that they do not react to lower ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.lookup import one_of
from head_patching.models.activations import Activations
from head_patching.models.layers import attention_pattern, head_outputs, normalise
from head_patching.models.transformer import Model, project_qkv
from head_patching.models.weights import ModelConfig
from head_patching.patching.head_sets import Head
from head_patching.patching.hooks import InputHook
from head_patching.patching.propagate import Patches, blocks, propagate
from head_patching.patching.readout import PositionLabel
from head_patching.terms import HEAD_INPUTS, SHARED_IN_GROUP, head_name


@dataclass(frozen=True)
class Receivers:
    """Where paths end: the `q`, `k` or `v` of some heads.

    With grouped-query attention a key or value is replaced for its query head alone, as
    in `deltas`.

    Parameters
    ----------
    inputs
        `q`, `k` or `v`.
    heads
        The receiving heads (layer, head).
    position
        Where these inputs are replaced: each prompt's own position of that name, or a
        number (None: everywhere). `END` is the query position of name movers, `S1+1`
        the key position of induction heads.
    """

    inputs: str
    heads: Sequence[Head]
    position: PositionLabel = None

    def __post_init__(self) -> None:
        one_of("receiver input", self.inputs, HEAD_INPUTS)
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise ValueError(
                f"receivers {list(self.heads)}: expected one head or more, each once"
            )

    def __str__(self) -> str:
        heads = "+".join(head_name(*head) for head in sorted(self.heads))
        where = "all positions" if self.position is None else self.position
        return f"{self.inputs} of {heads} at {where}"

    @property
    def by_layer(self) -> dict[int, list[int]]:
        """The receiving heads of each layer, upwards."""
        groups = groupby(sorted(self.heads), key=lambda head: head[0])
        return {layer: [head for _, head in heads] for layer, heads in groups}


def propagate_from_receivers(
    model: Model,
    base: Activations,
    receivers: Receivers,
    changes: Mapping[int, Float[Tensor, "_below batch read_pos d_model"]],
    read_at: slice,
) -> Float[Tensor, "sender batch d_model"]:
    """The final residual at END when only the receivers' inputs are replaced.

    A sender's patch starts at the lowest receivers that it reaches.

    Parameters
    ----------
    base
        The run in which they are replaced.
    changes
        For each layer of receivers, what has arrived in its resid_pre, from the senders
        below it.
    read_at
        The positions at which the receivers read (`read_pos`).
    """
    first, n_layers = read_at.start, model.config.n_layers
    in_suffix = slice(0, read_at.stop - first)
    starting, values, hooks, n_below = {}, {}, {}, 0
    for layer, heads in receivers.by_layer.items():
        values[layer] = inputs_arriving(
            model, base, layer, heads, receivers.inputs, changes[layer], read_at
        )  # [sender batch read_pos head d_head]
        starting[layer] = range(n_below, len(values[layer]))
        hooks[layer] = [
            InputHook(sender, heads, receivers.inputs, values[layer][sender], in_suffix)
            for sender in range(n_below)
        ]
        n_below = len(values[layer])

    def patches_from(layer: int) -> Patches:
        senders = starting.get(layer, range(0))
        if not senders:
            return Patches.none(base, layer, first)
        delta = receiver_deltas(
            model, base, layer, receivers.by_layer[layer], receivers.inputs,
            values[layer][senders.start :], read_at,
        )  # fmt: skip
        if layer < n_layers - 1:
            return Patches(senders, delta)
        # Only END is read above the last layer: other queries move nothing.
        moves = delta[:, :, -1].flatten(1).any(dim=1)  # [sender]
        moved = [sender for sender, yes in zip(senders, moves, strict=True) if yes]
        return Patches(moved, delta[moves])

    return propagate(model, base, first, patches_from, n_below, hooks)


def inputs_arriving(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    activation: str,
    change: Float[Tensor, "sender batch read_pos d_model"],
    read_at: slice,
) -> Float[Tensor, "sender batch read_pos head d_head"]:
    """The q, k or v of some heads of a layer, as computed from what arrived there.

    Parameters
    ----------
    heads
        By their numbers in the layer.
    activation
        `q`, `k` or `v`.
    change
        What has arrived in resid_pre of the layer.
    read_at
        The positions at which the heads read (`read_pos`).
    """
    x = normalise(base.resid_pre[layer][:, read_at] + change, model.config)
    start = base.position_in_prompt(read_at.start)
    qkv = project_qkv(x, model.layers[layer], model, start)
    by_name = dict(zip(HEAD_INPUTS, qkv, strict=True))
    return by_name[activation][..., input_heads(model.config, heads)[activation], :]


def receiver_deltas(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    activation: str,
    values: Float[Tensor, "sender batch read_pos head d_head"],
    read_at: slice,
) -> Float[Tensor, "sender batch suffix_pos d_model"]:
    """What a layer's receivers add together, from where they read on.

    Parameters
    ----------
    base
        The run in which their inputs are replaced.
    heads
        By their numbers in the layer.
    activation
        `q`, `k` or `v`.
    values
        What replaces it, for each sender.
    read_at
        The positions at which it is replaced (`read_pos`).
    """
    own = {
        name: getattr(base, name)[layer][:, :, of_layer]
        for name, of_layer in input_heads(model.config, heads).items()
    }

    def outputs(inputs: Mapping[str, Tensor]) -> Tensor:
        q, padding = inputs["q"][:, read_at.start :], base.padding
        if padding is not None:
            padding = padding.repeat(len(q) // len(base))
        return head_outputs(attention_pattern(q, inputs["k"], padding), inputs["v"])

    changes = []
    for block in blocks(len(values), own["k"][:, :, 0, 0].numel(), model.device):
        put = values[block]  # one long batch of all their prompts, in a copy
        replaced = {name: own[name].repeat(len(put), 1, 1, 1) for name in own}
        replaced[activation][:, read_at] = put.flatten(0, 1)
        z = outputs(replaced).unflatten(0, put.shape[:2])
        changes.append(z - outputs(own))  # [sender batch suffix_pos head d_head]
    W_O = model.layers[layer].W_O[list(heads)]
    return torch.einsum("ibphd,hdm->ibpm", torch.cat(changes), W_O)


def input_heads(config: ModelConfig, heads: Sequence[int]) -> dict[str, list[int]]:
    """For q, k and v, which of a layer's belong to some query heads."""
    groups = [head // config.group_size for head in heads]
    return {
        name: groups if name in SHARED_IN_GROUP else list(heads) for name in HEAD_INPUTS
    }
