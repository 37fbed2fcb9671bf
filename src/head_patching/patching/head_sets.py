"""Sets of heads replaced at once: ablation, and patching several heads together.

The heads of a set in its lowest layer are patched by their delta. In higher layers the
heads of the set would react to it; there their z is overwritten, as by a hook on each.
`tests/patching/test_head_sets.py` compares every kind of set with TransformerLens's
hooks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.hooks import OutputHook
from head_patching.patching.propagate import Patches, propagate
from head_patching.terms import Head, head_name


def sweep_sets(
    model: Model,
    base: Activations,
    replacement: Float[Tensor, "layer batch position head d_head"],
    head_sets: Sequence[Sequence[Head]],
    first: int = 0,
    mask: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "patch batch d_model"]:
    """The final residual at END with z of all heads of each set replaced.

    Parameters
    ----------
    base
        The run that is patched.
    replacement
        z of every head to take in place of the base run's: another run's (patching), a
        mean, or zero.
    head_sets
        One patch for each set of heads (layer, head).
    first
        First patched position, padding counted: no patch changes anything before it.
    mask
        Where z is replaced (None: everywhere).

    Raises
    ------
    ValueError
        When a set is empty, names a head twice, or a head that the model lacks.
    """
    check_sets(model, head_sets)
    lowest_layers = [min(layer for layer, _ in heads) for heads in head_sets]
    suffix_mask = None if mask is None else mask[:, first:]  # [batch suffix_pos]

    def patches_from(layer: int) -> Patches:
        patches = [i for i, lowest in enumerate(lowest_layers) if lowest == layer]
        if not patches:
            return Patches.none(base, layer, first)
        deltas = [
            set_delta(
                model, base, replacement, heads_in(head_sets[patch], layer), layer,
                first, suffix_mask,
            )
            for patch in patches
        ]  # fmt: skip
        # [patch batch suffix_pos d_model]
        return Patches(patches, torch.stack(deltas))

    hooks: dict[int, list[OutputHook]] = {}
    for patch, heads in enumerate(head_sets):
        layers = {layer for layer, _ in heads}
        for layer in sorted(layers - {lowest_layers[patch]}):
            members = heads_in(heads, layer)
            # [batch suffix_pos member d_head]
            members_z = replacement[layer, :, first:, members]
            hook = OutputHook(patch, members, members_z, suffix_mask)
            hooks.setdefault(layer, []).append(hook)
    return propagate(model, base, first, patches_from, len(head_sets), hooks)


def heads_in(heads: Sequence[Head], layer: int) -> list[int]:
    """Indices, in the layer, of those of the heads (layer, head) that are in it."""
    return [head for layer_of_head, head in heads if layer_of_head == layer]


def set_delta(
    model: Model,
    base: Activations,
    replacement: Float[Tensor, "layer batch position head d_head"],
    heads: Sequence[int],
    layer: int,
    first: int,
    suffix_mask: Bool[Tensor, "batch suffix_pos"] | None,
) -> Float[Tensor, "batch suffix_pos d_model"]:
    """What some heads of one layer add together to attn_out when their z is replaced.

    Parameters
    ----------
    base
        The run that is patched.
    replacement
        z of every head to take in place of the base run's.
    heads
        Head indices in the layer.
    layer
        Index of the layer.
    first
        First patched position, padding counted: no patch changes anything before it.
    suffix_mask
        Where z is replaced (None: everywhere).
    """
    # [batch suffix_pos member d_head]
    z_change = (replacement[layer] - base.z[layer])[:, first:, list(heads)]
    if suffix_mask is not None:
        z_change = z_change * suffix_mask[:, :, None, None]
    W_O = model.layers[layer].W_O[list(heads)]  # [member d_head d_model]
    return torch.einsum("bphd,hdm->bpm", z_change, W_O)


def check_sets(model: Model, head_sets: Sequence[Sequence[Head]]) -> None:
    """Refuse empty sets, repeated heads and heads that are not there."""
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    for number, heads in enumerate(head_sets):
        if not heads:
            raise ValueError(f"head set {number} is empty: at least one head is needed")
        if len(set(heads)) < len(heads):
            raise ValueError(f"head set {number} names a head twice: {list(heads)}")
        for layer, head in heads:
            if not (0 <= layer < n_layers and 0 <= head < n_heads):
                raise ValueError(
                    f"head {head_name(layer, head)} is not in {model.config.name}: "
                    f"expected layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}"
                )
