"""Sets of heads replaced at once: ablation, and patching several heads together.

When a set spans layers, its later heads would react to its earlier ones; their outputs
are replaced instead, as by a hook on each of them. `tests/patching/test_head_sets.py`
compares every kind of set with TransformerLens's hooks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.hooks import OutputHook
from head_patching.patching.propagate import Patches, propagate
from head_patching.terms import head_name

Head = tuple[int, int]  # (layer, head)


def sweep_sets(
    model: Model,
    base: Activations,
    z: Float[Tensor, "layer batch position head d_head"],
    head_sets: Sequence[Sequence[Head]],
    first: int = 0,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "patch batch d_model"]:
    """The final residual at END with all heads of each set given other outputs.

    Parameters
    ----------
    z
        The other outputs: another run's (patching), a mean, or zero.
    head_sets
        One patch for each set of heads (layer, head).
    first
        The first position at which an output differs from the base run's.
    positions
        Where outputs are replaced (None: everywhere).

    Raises
    ------
    ValueError
        When a set is empty, names a head twice, or a head that the model lacks.
    """
    check_sets(model, head_sets)
    start = [min(layer for layer, _ in heads) for heads in head_sets]
    within = None if positions is None else positions[:, first:]

    def patches_from(layer: int) -> Patches:
        numbers = [number for number, lowest in enumerate(start) if lowest == layer]
        if not numbers:
            return Patches.none(base, layer, first)
        deltas = [
            set_delta(
                model, base, z, heads_in(head_sets[number], layer), layer, first, within
            )
            for number in numbers
        ]
        return Patches(numbers, torch.stack(deltas))

    hooks: dict[int, list[OutputHook]] = {}
    for number, heads in enumerate(head_sets):
        for layer in sorted({at for at, _ in heads if at > start[number]}):
            members = heads_in(heads, layer)
            hook = OutputHook(number, members, z[layer, :, first:, members], within)
            hooks.setdefault(layer, []).append(hook)
    return propagate(model, base, first, patches_from, len(head_sets), hooks)


def heads_in(heads: Sequence[Head], layer: int) -> list[int]:
    """The heads of one layer, by their numbers in it."""
    return [head for at, head in heads if at == layer]


def set_delta(
    model: Model,
    base: Activations,
    z: Float[Tensor, "layer batch position head d_head"],
    heads: Sequence[int],
    layer: int,
    first: int,
    positions: Bool[Tensor, "batch suffix_pos"] | None,
) -> Float[Tensor, "batch suffix_pos d_model"]:
    """What some heads of one layer add together when given other outputs.

    Parameters
    ----------
    z
        The other outputs.
    heads
        By their numbers in the layer.
    first
        The first position of the result.
    positions
        Where outputs are replaced (None: everywhere).
    """
    change = (z[layer] - base.z[layer])[:, first:, list(heads)]  # [batch pos head d]
    if positions is not None:
        change = change * positions[:, :, None, None]
    W_O = model.layers[layer].W_O[list(heads)]
    return torch.einsum("bphd,hdm->bpm", change, W_O)


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
