"""Sets of heads replaced at once: ablation, and patching several heads together.

When a set spans layers, its later heads would react to its earlier ones; their outputs
are held instead, as a hook on each of them would do. `tests/patching/test_head_sets.py`
compares every kind of set with TransformerLens's hooks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.propagate import Clamp, Joining, propagate

Head = tuple[int, int]  # (layer, head)


def sweep_sets(
    model: Model,
    base: Activations,
    z: Float[Tensor, "layer batch position head d_head"],
    head_sets: Sequence[Sequence[Head]],
    first: int = 0,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "set batch d_model"]:
    """The final residual at END with all heads of each set holding the given outputs.

    Parameters
    ----------
    z
        The outputs to hold: another run's (patching), a mean, or zero.
    first
        The first position at which a held output differs from the base run's.
    positions
        Where outputs are held (None: everywhere).

    Raises
    ------
    ValueError
        When a set is empty, names a head twice, or a head that the model lacks.
    """
    check_sets(model, head_sets)
    start = [min(layer for layer, _ in heads) for heads in head_sets]
    within = None if positions is None else positions[:, first:]

    def joining(layer: int) -> Joining:
        items = [item for item, begins in enumerate(start) if begins == layer]
        deltas = [
            set_delta(
                model, base, z, [h for at, h in head_sets[item] if at == layer],
                layer, first, within,
            )
            for item in items
        ]  # fmt: skip
        empty = base.resid_pre[layer, :, first:].new_empty(0, *base.resid_pre.shape[1:])
        return Joining(items, torch.stack(deltas) if deltas else empty[:, :, first:])

    clamps: dict[int, list[Clamp]] = {}
    for item, heads in enumerate(head_sets):
        for layer in sorted({at for at, _ in heads if at > start[item]}):
            members = [head for at, head in heads if at == layer]
            held = Clamp(item, members, z[layer, :, first:, members], within)
            clamps.setdefault(layer, []).append(held)
    return propagate(model, base, first, joining, len(head_sets), clamps)


def set_delta(
    model: Model,
    base: Activations,
    z: Float[Tensor, "layer batch position head d_head"],
    heads: Sequence[int],
    layer: int,
    first: int,
    positions: Bool[Tensor, "batch suffix"] | None,
) -> Float[Tensor, "batch suffix d_model"]:
    """What some heads of one layer add together when they hold the given outputs."""
    change = (z[layer] - base.z[layer])[:, first:, list(heads)]
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
                    f"head L{layer}H{head} is not in {model.config.name}: expected "
                    f"layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}"
                )
