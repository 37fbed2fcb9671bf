"""Propagation: what a vector added to the residual stream does to the answer.

Every patch of a head comes down to vectors added where attention writes (see
`deltas`). This module carries such vectors to the end of the model, for many patches
at once, computing only what they can reach:

- nothing below the patched layer, which comes from the base run;
- no position before the first patched one, whose keys and values the base run has;
- in the last layer only END, the position whose logits are asked for.

All patches travel together. At each layer the patches that start there join the ones
already under way, so each weight matrix is read once per batch of prompts and every
product is large. Blocks of rows small enough for the processor's cache go through a
whole layer before the next block starts.

`tests/patching/test_sweep.py` proves the result equal to full forward passes with
TransformerLens's hooks, on every supported architecture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from head_patching.models.activations import Activations
from head_patching.models.transformer import (
    Model,
    attention_write,
    mlp_write,
    normalise,
    per_query_head,
    rotary_tables,
    rotate,
)
from head_patching.models.weights import LayerWeights

# Rows (patch x prompt x position) that cross a layer together. On a processor their
# intermediates should stay within its cache, and the products should still be large; a
# graphics card has no use for small ones.
BLOCK_ROWS = 1024
BLOCK_ROWS_ON_GPU = 32768

END = slice(-1, None)
ALL = slice(None)

# What a head reads of the stream.
Input = Literal["q", "k", "v"]


@dataclass(frozen=True)
class Joining:
    """Patches that start at one layer: their result rows, and the vectors they add."""

    items: Sequence[int]
    delta: Float[Tensor, "item batch suffix d_model"]


@dataclass(frozen=True)
class Clamp:
    """Outputs of some heads of a layer held at given values in one travelling patch.

    `positions` says where (None: everywhere in the suffix).
    """

    item: int
    heads: Sequence[int]
    z: Float[Tensor, "batch suffix held d_head"]
    positions: Bool[Tensor, "batch suffix"] | None = None

    def hold(
        self, own: Float[Tensor, "batch query head d_head"], queries: slice
    ) -> None:
        """Put the held values into the outputs of all heads."""
        z = self.z[:, queries]
        if self.positions is not None:
            where = self.positions[:, queries, None, None]
            z = torch.where(where, z, own[:, :, self.heads])
        own[:, :, self.heads] = z


@dataclass(frozen=True)
class InputClamp:
    """The q, k or v of one layer's heads held at given values in one travelling patch.

    `positions` are those that hold them, counted in the suffix. With grouped-query
    attention each query head has its own copy of the held key or value.
    """

    item: int
    heads: Sequence[int]
    part: Input
    values: Float[Tensor, "batch place held d_head"]
    positions: slice

    def hold(self, own: Float[Tensor, "batch suffix head d_head"]) -> None:
        """Put the held values into the part of all heads."""
        own[:, self.positions, self.heads] = self.values


def propagate(
    model: Model,
    base: Activations,
    first: int,
    joining: Callable[[int], Joining],
    n_items: int,
    clamps: Mapping[int, Sequence[Clamp | InputClamp]] | None = None,
) -> Float[Tensor, "item batch d_model"]:
    """The final residual stream at END for each patch and prompt.

    Parameters
    ----------
    base
        The unpatched run of prompts whose padding ends before `first`.
    first
        The first position that any patch changes; `suffix` axes start there.
    joining
        Called once per layer, upwards: the patches that start at it.
    n_items
        Number of rows of the result; a row that no patch joins holds the base run's
        value.
    clamps
        For each layer, heads of patches under way whose output, or one of whose
        inputs, is held, as replacing a set of heads at once demands: later heads of
        the set must not react.
    """
    n_layers, clamps = model.config.n_layers, clamps or {}
    shape = (n_items, len(base), base.n_positions - first, model.config.d_model)
    stream = base.resid_pre.new_empty(shape)
    ends = base.resid_pre.new_empty(n_items, len(base), 1, model.config.d_model)
    items: list[int] = []
    rows_per_item = stream[0, ..., 0].numel()
    for layer in range(n_layers):
        queries, crossed = (ALL, stream) if layer < n_layers - 1 else (END, ends)
        joins = joining(layer)
        if not items and not joins.items:
            continue
        crossing = Crossing.of(model, base, layer, first, queries)
        held = [(items.index(c.item), c) for c in clamps.get(layer, ())]
        for rows in blocks(len(items), rows_per_item, model.device):
            crossed[rows] = crossing.of_travellers(stream[rows], rows.start, held)
        joined = crossed[len(items) : len(items) + len(joins.items)]
        for rows in blocks(len(joined), rows_per_item, model.device):
            joined[rows] = crossing.of_joining(joins.delta[rows][:, :, queries])
        items.extend(joins.items)
    result = final_residual(model, base).expand(n_items, -1, -1).clone()
    result[items] = ends[: len(items), :, 0]
    return result


@dataclass(frozen=True)
class Crossing:
    """One layer, as patches cross it: `queries` are the positions wanted above it."""

    model: Model
    layer: LayerWeights
    queries: slice
    place: int | Int[Tensor, " batch"]  # of the suffix, in each prompt
    written: Float[Tensor, "batch query d_model"]
    base_k: Float[Tensor, "batch_kv_head d_head key"]
    base_v: Float[Tensor, "batch_kv_head key d_head"]
    hidden: Bool[Tensor, "batch key"] | None  # keys that are padding

    @classmethod
    def of(
        cls, model: Model, base: Activations, index: int, first: int, queries: slice
    ) -> "Crossing":
        """What all patches share at one layer, taken from the base run.

        `written` is the base run's residual and all writes that a patch which starts
        here leaves alone; the keys and values are those before the suffix.
        """
        layer, config = model.layers[index], model.config
        resid_pre = base.resid_pre[index, :, first:][:, queries]
        z = base.z[index, :, first:][:, queries]
        written = resid_pre + attention_write(z, layer)
        if config.parallel_attn_mlp:
            written += mlp_write(normalise(resid_pre, config), layer)
        k, v = (
            kv[index, :, :first].transpose(1, 2).flatten(0, 1)
            for kv in (base.k, base.v)
        )
        hidden = None
        if base.padding is not None:
            places = torch.arange(first, device=model.device)
            hidden = places < base.padding[:, None]
        place = base.places(first)
        return cls(model, layer, queries, place, written, k.transpose(1, 2), v, hidden)

    def of_travellers(
        self,
        x: Float[Tensor, "item batch suffix d_model"],
        row: int,
        held: Sequence[tuple[int, Clamp | InputClamp]],
    ) -> Float[Tensor, "item batch query d_model"]:
        """The residual above the layer, for patches that started below it.

        `row` is the first patch's row, by which `held` says whose heads to clamp.
        """
        config = self.model.config
        normalised = normalise(x, config)
        here = [(at - row, clamp) for at, clamp in held if row <= at < row + len(x)]
        z = self.attend(normalised, here)
        above = attention_write(z, self.layer).add_(x[:, :, self.queries])
        if config.parallel_attn_mlp:
            return above.add_(mlp_write(normalised[:, :, self.queries], self.layer))
        return above.add_(mlp_write(normalise(above, config), self.layer))

    def of_joining(
        self, delta: Float[Tensor, "item batch query d_model"]
    ) -> Float[Tensor, "item batch query d_model"]:
        """The residual above the layer, for patches that start at it."""
        config, above = self.model.config, delta + self.written
        if config.parallel_attn_mlp:  # the MLP read resid_pre: the patch is not in it
            return above
        return above.add_(mlp_write(normalise(above, config), self.layer))

    def attend(
        self,
        x: Float[Tensor, "item batch suffix d_model"],
        held: Sequence[tuple[int, Clamp | InputClamp]],
    ) -> Float[Tensor, "item batch query head d_head"]:
        """z at the wanted positions, given the normalised stream."""
        q, k, v = self.project(x)
        base_k, base_v = self.base_k, self.base_v
        inputs = [(at, clamp) for at, clamp in held if isinstance(clamp, InputClamp)]
        if inputs:  # a held key or value is its head's alone: a copy for each head
            k, v = (per_query_head(kv, self.model.config) for kv in (k, v))
            group = self.model.config.group_size
            base_k, base_v = (
                kv.repeat_interleave(group, dim=0) for kv in (base_k, base_v)
            )
            parts = {"q": q, "k": k, "v": v}
            for at, clamp in inputs:
                clamp.hold(parts[clamp.part][at])
        z = self.suffix_attention(q, k, v, base_k, base_v)
        for at, clamp in held:
            if isinstance(clamp, Clamp):
                clamp.hold(z[at], self.queries)
        return z

    def project(
        self, x: Float[Tensor, "item batch suffix d_model"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v [item batch suffix heads d_head]; q and k are turned together."""
        config = self.model.config
        n_kv = config.n_key_value_heads
        flat = functional.linear(x, self.layer.W_QKV.T, self.layer.b_QKV)
        heads = flat.unflatten(-1, (-1, config.d_head))
        qk, v = heads.split((config.n_heads + n_kv, n_kv), dim=3)
        turned = rotate(qk, *rotary_tables(self.model, self.place, x.shape[2]))
        q, k = turned.split((config.n_heads, n_kv), dim=3)
        return q, k, v

    def suffix_attention(
        self,
        q: Float[Tensor, "item batch suffix head d_head"],
        k: Float[Tensor, "item batch suffix kv_head d_head"],
        v: Float[Tensor, "item batch suffix kv_head d_head"],
        base_k: Float[Tensor, "batch_kv_head d_head key"],
        base_v: Float[Tensor, "batch_kv_head key d_head"],
    ) -> Float[Tensor, "item batch query head d_head"]:
        """z at the wanted positions; keys before the suffix are the base run's.

        The heads of one key-value head, and all items of one prompt, share the base
        run's keys: with the prompt and the key-value head as the batch axis, their
        scores are one matrix product.
        """
        n_items, batch, n_own, n_kv, d_head = k.shape
        q = q[:, :, self.queries]
        n_query, n_heads = q.shape[2:4]
        n_before = base_k.shape[2]
        group = n_heads // n_kv

        # [prompt x kv_head, item, query x group, d_head]
        q = q.unflatten(3, (n_kv, group)).permute(1, 3, 0, 2, 4, 5)
        q = q.reshape(batch * n_kv, n_items, n_query * group, d_head)
        k, v = (
            own.permute(1, 3, 0, 2, 4).reshape(-1, n_items, n_own, d_head)
            for own in (k, v)
        )
        shared = torch.bmm(q.flatten(1, 2), base_k)
        if self.hidden is not None:
            by_prompt = shared.view(batch, n_kv, -1, n_before)
            by_prompt.masked_fill_(self.hidden[:, None, None], float("-inf"))
        own = q @ k.transpose(2, 3)
        own += causal_bias(n_query, n_own, group, own)
        scores = torch.cat((shared.view(*q.shape[:3], n_before), own), dim=3)
        pattern = scores.mul_(d_head**-0.5).softmax(dim=3)
        shared, own = pattern.split((n_before, n_own), dim=3)
        z = (own @ v).flatten(1, 2).baddbmm_(shared.flatten(1, 2), base_v)

        z = z.view(batch, n_kv, n_items, n_query, group, d_head)
        return z.permute(2, 0, 3, 1, 4, 5).reshape(
            n_items, batch, n_query, n_heads, d_head
        )


def causal_bias(
    n_query: int, n_key: int, group: int, like: Tensor
) -> Float[Tensor, "rows key"]:
    """Minus infinity where a key lies after its query; rows are (query, group)."""
    bias = torch.full((n_query, n_key), float("-inf"), device=like.device)
    bias = bias.triu(n_key - n_query + 1).to(like.dtype)
    return bias.repeat_interleave(group, dim=0)


def blocks(n_items: int, rows_per_item: int, device: torch.device) -> Iterator[slice]:
    """Slices of items: as many as a device takes at once, and at least one."""
    at_once = BLOCK_ROWS if device.type == "cpu" else BLOCK_ROWS_ON_GPU
    step = max(1, at_once // rows_per_item)
    for start in range(0, n_items, step):
        yield slice(start, min(start + step, n_items))


def final_residual(
    model: Model, base: Activations, at: int | slice = -1
) -> Float[Tensor, "batch *position d_model"]:
    """The base run's residual stream after the last layer, at END or elsewhere."""
    layer, config = model.layers[-1], model.config
    resid_pre = base.resid_pre[-1, :, at]
    resid_mid = resid_pre + attention_write(base.z[-1, :, at], layer)
    read = resid_pre if config.parallel_attn_mlp else resid_mid
    return resid_mid + mlp_write(normalise(read, config), layer)
