"""One sweep: every head of the model patched in turn, for one batch of prompts."""

from collections.abc import Callable, Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.deltas import head_deltas
from head_patching.patching.head_sets import Head
from head_patching.patching.propagate import Patches, final_residual, propagate


def sweep_heads(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: str,
    first: int,
    heads: Sequence[Head],
    positions: Bool[Tensor, "batch position"] | None = None,
    on_layer: Callable[[int], None] = lambda layer: None,
) -> Float[Tensor, "patch batch d_model"]:
    """The final residual at END with each of `heads` patched alone from `source`.

    A head whose patch adds exactly nothing is not propagated: its row is the base
    run's own. `tests/patching/test_sweep.py` compares every head with TransformerLens's
    hooks.

    Parameters
    ----------
    base
        The run that is patched.
    source
        The run that patches come from.
    patch_type
        A name of `terms.PATCH_TYPES`.
    first
        The first position that any patch changes.
    heads
        One patch for each (layer, head).
    positions
        Where heads are patched (None: everywhere).
    on_layer
        Called with the number of each layer before it is computed.
    """
    if positions is not None and not positions[:, first:].any():
        return final_residual(model, base).expand(len(heads), -1, -1)
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for number, (layer, head) in enumerate(heads):
        by_layer.setdefault(layer, []).append((number, head))

    def patches_from(layer: int) -> Patches:
        on_layer(layer)
        wanted = by_layer.get(layer, [])
        if not wanted:
            return Patches.none(base, layer, first)
        delta = head_deltas(
            model.config, model.layers[layer].W_O, base, source, layer, patch_type,
            first, positions,
        )[[head for _, head in wanted]]  # fmt: skip
        # [patch batch suffix_pos d_model]
        moved = delta.flatten(1).any(dim=1).tolist()
        numbers = [at for (at, _), moves in zip(wanted, moved, strict=True) if moves]
        return Patches(numbers, delta if all(moved) else delta[moved])

    return propagate(model, base, first, patches_from, len(heads))
