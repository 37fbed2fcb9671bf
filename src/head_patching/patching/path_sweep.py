"""One sweep of path patching: every sender in turn, for one batch of prompts.

With attention frozen no position sees another: what a sender's output does on its way
to the receivers is computed only at the positions where they read. What the receivers
then write travels on as any patch does (`propagate`); receivers in higher layers hold
what arrived at them, lest they react to those below. All senders travel together.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.lookup import find
from head_patching.models.activations import Activations
from head_patching.models.transformer import (
    Model,
    attention_pattern,
    attention_write,
    head_outputs,
    mlp_write,
    normalise,
    project_qkv,
)
from head_patching.models.weights import ModelConfig
from head_patching.patching.deltas import head_deltas
from head_patching.patching.head_sets import Head
from head_patching.patching.propagate import (
    Input,
    InputClamp,
    Joining,
    blocks,
    final_residual,
    propagate,
)
from head_patching.patching.shares import Label

INPUTS: tuple[Input, ...] = get_args(Input)
Mlps = Literal["recomputed", "frozen"]
MLPS: tuple[Mlps, ...] = get_args(Mlps)


@dataclass(frozen=True)
class Receivers:
    """Where paths end: the `q`, `k` or `v` of some heads (layer, head).

    `position` is where these inputs are replaced: each prompt's own position of that
    name, or a number (None: everywhere). `END` is where name movers ask, `S1+1` where
    induction heads have their keys. With grouped-query attention a key or value is
    replaced for its query head alone, as in `deltas`.
    """

    inputs: str
    heads: Sequence[Head]
    position: Label = None

    def __post_init__(self) -> None:
        find("receiver input", self.inputs, dict.fromkeys(INPUTS))
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise ValueError(
                f"receivers {list(self.heads)}: expected one head or more, each once"
            )

    def __str__(self) -> str:
        heads = "+".join(f"L{layer}H{head}" for layer, head in sorted(self.heads))
        where = "all positions" if self.position is None else self.position
        return f"{self.inputs} of {heads} at {where}"

    @property
    def by_layer(self) -> dict[int, list[int]]:
        """The receiving heads of each layer, upwards."""
        groups = groupby(sorted(self.heads), key=lambda head: head[0])
        return {layer: [head for _, head in heads] for layer, heads in groups}


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
    senders
        Heads in the order of their layers.
    read_at
        The positions at which receivers read, as numbers; END if they are the logits.
    patched_at
        Where senders are patched (None: everywhere).
    """
    top = model.config.n_layers
    ends: Collection[int] = [top]
    if isinstance(receivers, Receivers):
        ends = receivers.by_layer
    deltas = sender_deltas(model, base, source, senders, read_at, patched_at)
    arrives = deltas.flatten(2).any(dim=2)  # [sender batch]
    layers = [layer for layer, _ in senders]
    below = bisect_left(layers, max(ends))
    moving = arrives[:below].any(dim=1).nonzero()[:, 0].tolist()
    unpatched = final_residual(model, base)
    final = unpatched.expand(len(senders), -1, -1).clone()
    if not moving:
        return final
    layers, deltas = [layers[item] for item in moving], deltas[moving]
    changes = changes_arriving(model, base, layers, deltas, read_at, ends, mlps)
    if isinstance(receivers, Receivers):
        final[moving] = through_receivers(model, base, receivers, changes, read_at)
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
) -> Float[Tensor, "sender batch place d_model"]:
    """What each sender adds, at the positions where the receivers read."""
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
    deltas: Float[Tensor, "sender batch place d_model"],
    read_at: slice,
    ends: Collection[int],
    mlps: Mlps,
) -> dict[int, Float[Tensor, "_below batch place d_model"]]:
    """What each sender's delta has made of resid_pre at some layers.

    `ends` are the layers, `n_layers` meaning the final residual stream. All heads but
    the sender are frozen; senders at or above an end are left out there: only the
    first ones have rows.
    """
    change, arriving, top = deltas.clone(), {}, max(ends)
    for index in range(top + 1):
        below = bisect_left(sender_layers, index)
        if index in ends:
            arriving[index] = change[:below].clone()
        if index < top and mlps == "recomputed":
            reading = below  # a parallel MLP reads resid_pre, as its layer's heads do
            if not model.config.parallel_attn_mlp:
                reading = bisect_right(sender_layers, index)
            add_mlp_reaction(model, base, index, change[:reading], read_at)
    return arriving


def add_mlp_reaction(
    model: Model,
    base: Activations,
    index: int,
    change: Float[Tensor, "sender batch place d_model"],
    read_at: slice,
) -> None:
    """Add, in place, what the layer's MLP writes anew when what it reads changes."""
    layer, config = model.layers[index], model.config
    read = base.resid_pre[index][:, read_at]
    if not config.parallel_attn_mlp:
        read = read + attention_write(base.z[index][:, read_at], layer)
    before = mlp_write(normalise(read, config), layer)
    for rows in blocks(len(change), read[..., 0].numel(), model.device):
        after = mlp_write(normalise(read + change[rows], config), layer)
        change[rows] += after - before


def through_receivers(
    model: Model,
    base: Activations,
    receivers: Receivers,
    changes: Mapping[int, Float[Tensor, "_below batch place d_model"]],
    read_at: slice,
) -> Float[Tensor, "sender batch d_model"]:
    """The final residual at END when only the receivers' inputs are replaced.

    They are what the receivers compute from the `changes` of resid_pre at their
    layers. A sender's patch starts at the lowest receivers that it reaches.
    """
    first, config = read_at.start, model.config
    held = slice(0, read_at.stop - first)
    starting, values, clamps, below = {}, {}, {}, 0
    for layer, heads in receivers.by_layer.items():
        values[layer] = inputs_arriving(
            model, base, layer, heads, receivers.inputs, changes[layer], read_at
        )
        starting[layer] = range(below, len(values[layer]))
        clamps[layer] = [
            InputClamp(item, heads, receivers.inputs, values[layer][item], held)
            for item in range(below)
        ]
        below = len(values[layer])

    def joining(layer: int) -> Joining:
        items = starting.get(layer, range(0))
        if not items:
            suffix = base.resid_pre[layer, :, first:]
            return Joining([], suffix.new_empty(0, *suffix.shape))
        delta = receiver_deltas(
            model, base, layer, receivers.by_layer[layer], receivers.inputs,
            values[layer][items.start :], read_at,
        )  # fmt: skip
        if layer < config.n_layers - 1:
            return Joining(items, delta)
        # Only END is read above the last layer: other queries move nothing.
        moves = delta[:, :, -1].flatten(1).any(dim=1)
        chosen = [item for item, moved in zip(items, moves, strict=True) if moved]
        return Joining(chosen, delta[moves])

    return propagate(model, base, first, joining, below, clamps)


def inputs_arriving(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    part: Input,
    change: Float[Tensor, "sender batch place d_model"],
    read_at: slice,
) -> Float[Tensor, "sender batch place head d_head"]:
    """The q, k or v of some heads of a layer, as computed from what arrived there."""
    x = normalise(base.resid_pre[layer][:, read_at] + change, model.config)
    start = base.places(read_at.start)
    projected = project_qkv(x, model.layers[layer], model, start)
    by_name = dict(zip(INPUTS, projected, strict=True))
    return by_name[part][..., rows_of(model.config, heads)[part], :]


def receiver_deltas(
    model: Model,
    base: Activations,
    layer: int,
    heads: Sequence[int],
    part: Input,
    values: Float[Tensor, "sender batch place head d_head"],
    read_at: slice,
) -> Float[Tensor, "sender batch suffix d_model"]:
    """What a layer's receivers add together, from where they read on.

    In the base run, with their q, k or v replaced by each sender's `values`.
    """
    rows = rows_of(model.config, heads)
    own = {name: getattr(base, name)[layer][:, :, rows[name]] for name in INPUTS}

    def outputs(inputs: Mapping[str, Tensor]) -> Tensor:
        q, padding = inputs["q"][:, read_at.start :], base.padding
        if padding is not None:
            padding = padding.repeat(len(q) // len(base))
        return head_outputs(attention_pattern(q, inputs["k"], padding), inputs["v"])

    changes = []
    for senders in blocks(len(values), own["k"][:, :, 0, 0].numel(), model.device):
        put = values[senders]  # one long batch of all their prompts, in a copy
        replaced = {name: own[name].repeat(len(put), 1, 1, 1) for name in INPUTS}
        replaced[part][:, read_at] = put.flatten(0, 1)
        changes.append(outputs(replaced).unflatten(0, put.shape[:2]) - outputs(own))
    W_O = model.layers[layer].W_O[list(heads)]
    return torch.einsum("ibphd,hdm->ibpm", torch.cat(changes), W_O)


def rows_of(config: ModelConfig, heads: Sequence[int]) -> dict[str, list[int]]:
    """Where some query heads' q, k and v stand among those of their layer."""
    key_value = [head // config.group_size for head in heads]
    return {"q": list(heads), "k": key_value, "v": key_value}
