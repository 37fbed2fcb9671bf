"""Propagation: what a vector added to the residual stream does to the answer.

Every patch of a head comes down to vectors added where attention writes (see
`deltas`). This module follows such vectors to the end of the model, for many patches
of the same prompts at once (the axis `patch`), computing only what they can reach:

- nothing below the patched layer, which comes from the base run (the one patched);
- no position before the first patched one, whose keys and values the base run has: the
  axis `suffix_pos` has the positions from `first` on;
- in the last layer only END, the position whose logits are read.

At each layer the patches that start there are put beside those that started below, so
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
from head_patching.models.layers import attention_write, mlp_write, normalise
from head_patching.models.transformer import Model
from head_patching.patching.hooks import Hook
from head_patching.patching.layer_step import LayerStep

# Rows (patch x prompt x position) that go through a layer together. On a processor
# their intermediates should stay within its cache, and the products should still be
# large; a graphics card has no use for small ones.
BLOCK_ROWS = 1024
BLOCK_ROWS_ON_GPU = 32768

END = slice(-1, None)
ALL = slice(None)


@dataclass(frozen=True)
class Patches:
    """The patches that start at one layer.

    Parameters
    ----------
    numbers
        Which patches they are, on the result's axis of patches.
    delta
        What each adds to the residual stream where the layer's attention writes.
    """

    numbers: Sequence[int]
    delta: Float[Tensor, "patch batch suffix_pos d_model"]

    @classmethod
    def none(cls, base: Activations, layer: int, first: int) -> "Patches":
        """No patch starts here."""
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
        The first position that any patch changes.
    patches_from
        Called once per layer, upwards: the patches that start at it.
    n_patches
        Length of the result's first axis; a patch that starts nowhere has the base
        run's value.
    hooks
        For each layer, what else is replaced in single patches that started below it.
        Replacing a set of heads at once needs this: later heads of the set must not
        react to the earlier ones.
    """
    n_layers, hooks = model.config.n_layers, hooks or {}
    shape = (n_patches, len(base), base.n_positions - first, model.config.d_model)
    resid = base.resid_pre.new_empty(shape)  # [patch batch suffix_pos d_model]
    at_end = resid.new_empty(n_patches, len(base), 1, model.config.d_model)
    # Numbers of the patches in the first rows of resid, in the order of their start.
    started: list[int] = []
    rows_per_patch = resid[0, ..., 0].numel()
    for layer in range(n_layers):
        # Each layer writes over its input, but the last, which is wanted at END only.
        query_pos, resid_post = (ALL, resid) if layer < n_layers - 1 else (END, at_end)
        new = patches_from(layer)
        if not started and not new.numbers:
            continue
        step = LayerStep.of(model, base, layer, first, query_pos)
        hooked = [(started.index(hook.patch), hook) for hook in hooks.get(layer, ())]
        for block in blocks(len(started), rows_per_patch, model.device):
            in_block = [
                (row - block.start, hook)
                for row, hook in hooked
                if block.start <= row < block.stop
            ]
            resid_post[block] = step.advance(resid[block], in_block)
        of_new = resid_post[len(started) : len(started) + len(new.numbers)]
        for block in blocks(len(of_new), rows_per_patch, model.device):
            of_new[block] = step.start(new.delta[block][:, :, query_pos])
        started.extend(new.numbers)
    result = final_residual(model, base).expand(n_patches, -1, -1).clone()
    result[started] = at_end[: len(started), :, 0]  # [patch batch d_model]
    return result


def blocks(n_patches: int, rows_each: int, device: torch.device) -> Iterator[slice]:
    """Slices of patches: as many as a device takes at once, and at least one."""
    at_once = BLOCK_ROWS if device.type == "cpu" else BLOCK_ROWS_ON_GPU
    step = max(1, at_once // rows_each)
    for start in range(0, n_patches, step):
        yield slice(start, min(start + step, n_patches))


def final_residual(
    model: Model, base: Activations, at: int | slice = -1
) -> Float[Tensor, "batch *position d_model"]:
    """The base run's residual stream after the last layer, at END or elsewhere."""
    layer, config = model.layers[-1], model.config
    resid_pre = base.resid_pre[-1, :, at]
    resid_mid = resid_pre + attention_write(base.z[-1, :, at], layer)
    read = resid_pre if config.parallel_attn_mlp else resid_mid
    return resid_mid + mlp_write(normalise(read, config), layer)
