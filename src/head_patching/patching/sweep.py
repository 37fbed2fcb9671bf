"""One sweep: every head of the model patched in turn, for one batch of prompts."""

from collections.abc import Callable, Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.deltas import head_deltas
from head_patching.patching.propagate import Patches, final_residual, propagate
from head_patching.terms import Head


def sweep_heads(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: str,
    first: int,
    heads: Sequence[Head],
    mask: Bool[Tensor, "batch position"] | None = None,
    on_layer: Callable[[int], None] = lambda layer: None,
) -> Float[Tensor, "patch batch d_model"]:
    """The final residual at END with each of `heads` patched alone from `source`.

    A head whose delta is exactly zero is not propagated: its value is the base run's
    own. `tests/patching/test_sweep.py` compares every head with TransformerLens's
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
        First patched position, padding counted: no patch changes anything before it.
    heads
        One patch for each (layer, head).
    mask
        Where heads are patched (None: everywhere).
    on_layer
        Called with the index of each layer before it is computed.
    """
    if mask is not None and not mask[:, first:].any():
        # [patch batch d_model]
        return final_residual(model, base).expand(len(heads), -1, -1)
    by_layer: dict[int, list[tuple[int, int]]] = {}  # layer: its (patch, head)
    for patch, (layer, head) in enumerate(heads):
        by_layer.setdefault(layer, []).append((patch, head))

    def patches_from(layer: int) -> Patches:
        on_layer(layer)
        wanted = by_layer.get(layer, [])
        if not wanted:
            return Patches.none(base, layer, first)
        deltas = head_deltas(model, base, source, layer, patch_type, first, mask)
        deltas = deltas[
            [head for _, head in wanted]
        ]  # [patch batch suffix_pos d_model]
        nonzero = deltas.flatten(1).any(dim=1).tolist()  # [patch]
        patches = [
            patch for (patch, _), yes in zip(wanted, nonzero, strict=True) if yes
        ]
        return Patches(patches, deltas if all(nonzero) else deltas[nonzero])

    return propagate(model, base, first, patches_from, len(heads))
