"""Propagation: what a vector added to the residual stream does to the answer.

Every patch of a head comes down to vectors added to attn_out of a layer (see `deltas`).
This module follows such vectors to the end of the model, for many patches of the same
prompts at once (the axis `patch`), computing only what they can reach:

- nothing below the patched layer, which comes from the base run (the one patched);
- no position before `first`, the first patched one, since the base run has the keys and
  values there: the axis `suffix_pos` has the positions from `first` on;
- in the last layer only END, the position whose logits are read.

At each layer the patches that start there are put after those that started below, so
each weight matrix is read once per batch of prompts and every product is large. Blocks
of patches small enough for the processor's cache go through a whole layer before the
next block.

`tests/patching/test_sweep.py` proves the result equal to full forward passes with
TransformerLens's hooks, on every supported architecture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.places import ALL
from head_patching.models.transformer import Model
from head_patching.patching.hooks import Hook
from head_patching.patching.layer_step import LayerStep

# Residual vectors, one for each patch, prompt and position, that go through a layer
# together. On a processor their intermediates should stay within its cache, and the
# products should still be large; a graphics card has no use for small ones.
VECTORS_PER_BLOCK = 1024
VECTORS_PER_BLOCK_ON_GPU = 32768

# Slices of an axis of positions.
LAST = slice(-1, None)


@dataclass(frozen=True)
class Patches:
    """The patches that start at one layer.

    Parameters
    ----------
    indices
        Which patches they are: their indices on the result's axis `patch`.
    delta
        What each adds to the layer's attn_out.
    """

    indices: Sequence[int]
    delta: Float[Tensor, "patch batch suffix_pos d_model"]

    @classmethod
    def none(cls, base: Activations, layer: int, first: int) -> "Patches":
        """No patch starts at this layer."""
        suffix = base.resid_pre[layer, :, first:]  # [batch suffix_pos d_model]
        return cls([], suffix.new_empty(0, *suffix.shape))


def propagate(
    model: Model,
    base: Activations,
    first: int,
    patches_from: Callable[[int], Patches],
    n_patches: int,
    hooks: Mapping[int, Sequence[Hook]] | None = None,
) -> Float[Tensor, "patch batch d_model"]:
    """The final residual stream at END for each patch and prompt.

    Parameters
    ----------
    base
        The unpatched run of prompts whose padding ends before `first`.
    first
        First patched position, padding counted: no patch changes anything before it.
    patches_from
        The patches that start at a given layer. Called once for each layer, from 0 up.
    n_patches
        Length of the result's axis `patch`. A patch that starts at no layer has the
        base run's value.
    hooks
        By layer, what is replaced there in single patched runs, besides what their
        deltas do. A hook's patch must have started in a lower layer. Replacing a set
        of heads at once needs this: later heads of the set must not react to the
        earlier ones.
    """
    n_layers, hooks = model.config.n_layers, hooks or {}
    shape = (n_patches, len(base), base.n_positions - first, model.config.d_model)
    resid = base.resid_pre.new_empty(shape)  # [patch batch suffix_pos d_model]
    at_end = resid.new_empty(n_patches, len(base), 1, model.config.d_model)
    # resid and at_end hold patches in the order of their start: started[i] is the patch
    # whose residual is resid[i]. What lies above len(started) is not yet filled.
    started: list[int] = []
    vectors_per_patch = resid[0, ..., 0].numel()  # batch * suffix_pos
    for layer in range(n_layers):
        # A layer writes over its input; the last one's output is wanted at END only.
        query_pos, out = (ALL, resid) if layer < n_layers - 1 else (LAST, at_end)
        new = patches_from(layer)
        n_old, n_new = len(started), len(new.indices)
        if not n_old and not n_new:
            continue
        step = LayerStep.of(model, base, layer, first, query_pos)
        hooked = [(started.index(hook.patch), hook) for hook in hooks.get(layer, ())]
        for block in blocks(n_old, vectors_per_patch, model.device):
            in_block = [
                (i - block.start, hook)
                for i, hook in hooked
                if block.start <= i < block.stop
            ]
            out[block] = step.advance(resid[block], in_block)
        out_of_new = out[n_old : n_old + n_new]  # [new_patch batch query_pos d_model]
        for block in blocks(n_new, vectors_per_patch, model.device):
            out_of_new[block] = step.start(new.delta[block][:, :, query_pos])
        started.extend(new.indices)
    result = final_residual(model, base).expand(n_patches, -1, -1).clone()
    result[started] = at_end[: len(started), :, 0]  # [patch batch d_model]
    return result


def blocks(
    n_patches: int, vectors_per_patch: int, device: torch.device
) -> Iterator[slice]:
    """Slices of the axis `patch`: as much as a device takes at once, one or more."""
    on_cpu = device.type == "cpu"
    at_once = VECTORS_PER_BLOCK if on_cpu else VECTORS_PER_BLOCK_ON_GPU
    size = max(1, at_once // vectors_per_patch)
    for start in range(0, n_patches, size):
        yield slice(start, min(start + size, n_patches))


def final_residual(
    model: Model, base: Activations, pos: int | slice = -1
) -> Float[Tensor, "batch *position d_model"]:
    """The base run's residual stream after the last layer, at END or elsewhere.

    With a slice of positions the result has the axis `position`.
    """
    at_end = isinstance(pos, int)
    if isinstance(pos, int):
        pos = slice(pos, pos + 1 or None)
    places = model.places(base.position_in_prompt(0), base.n_positions).at(pos)
    layer, resid_pre = model.layers[-1], base.resid_pre[-1, :, pos]
    final = layer.rest(resid_pre, layer.attn_out(base.z[-1, :, pos]), places)
    return final[:, 0] if at_end else final
