"""The slow reference: one full forward pass with a TransformerLens hook per head.

It shares no arithmetic with the engine. It is the oracle of the self-check in every
build, and the fallback for models that fail the engine's checks.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from head_patching.patching.deltas import PatchType
from head_patching.tasks.pairs import PromptPairs

HOOKS: dict[PatchType, str] = {
    "output": "hook_z",
    "q": "hook_q",
    "k": "hook_k",
    "v": "hook_v",
    "pattern": "hook_pattern",
}


def hook_name(layer: int, patch_type: PatchType) -> str:
    """TransformerLens's name of the activation that a patch type replaces."""
    return f"blocks.{layer}.attn.{HOOKS[patch_type]}"


def put_head(
    activation: Tensor,
    source: Tensor,
    head: int,
    positions: Bool[Tensor, "batch position"] | None,
) -> Tensor:
    """The activation [batch position head ...] with one head's part replaced."""
    patched = activation.clone()
    if positions is None:
        patched[:, :, head] = source[:, :, head]
    else:
        patched[:, :, head][positions] = source[:, :, head][positions]
    return patched


@torch.no_grad()
def reference_logits(
    bridge: Any,
    base_tokens: Int[Tensor, "batch position"],
    source_tokens: Int[Tensor, "batch position"],
    heads: Iterable[tuple[int, int]],
    patch_type: PatchType,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch d_vocab"]:
    """Logits at END with each of `heads` patched alone, from the source run.

    With grouped-query attention a key or value hook replaces a whole group's. To patch
    one query head, the reference runs the group's patch, reads this head's z at the
    layer, and patches that z: still only TransformerLens's own arithmetic.
    """
    names = [hook_name(layer, patch_type) for layer in range(bridge.cfg.n_layers)]
    _, source = bridge.run_with_cache(source_tokens, names_filter=names)
    group = bridge.cfg.n_heads // (bridge.cfg.n_key_value_heads or bridge.cfg.n_heads)
    logits = []
    for layer, head in heads:
        name = hook_name(layer, patch_type)
        if group > 1 and patch_type in ("k", "v"):
            hooks = group_hooks(
                bridge, base_tokens, source[name], layer, head, patch_type, positions
            )
        else:
            hooks = [(name, patch_hook(source[name], head, patch_type, positions))]
        patched = bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)
        logits.append(patched[:, -1].clone())
    return torch.stack(logits)


def patch_hook(
    source: Tensor,
    head: int,
    patch_type: PatchType,
    positions: Bool[Tensor, "batch position"] | None,
) -> Any:
    """A hook that replaces one head's activation."""

    def replace(activation: Tensor, hook: Any) -> Tensor:
        if patch_type != "pattern":
            return put_head(activation, source, head, positions)
        by_query = put_head(
            activation.transpose(1, 2), source.transpose(1, 2), head, positions
        )
        return by_query.transpose(1, 2)

    return replace


def group_hooks(
    bridge: Any,
    base_tokens: Int[Tensor, "batch position"],
    source: Tensor,
    layer: int,
    head: int,
    patch_type: PatchType,
    positions: Bool[Tensor, "batch position"] | None,
) -> list[tuple[str, Any]]:
    """Hooks that give one query head the z it has when its group's part is patched."""
    group = bridge.cfg.n_heads // bridge.cfg.n_key_value_heads
    z_name = hook_name(layer, "output")
    read = {}

    def keep(activation: Tensor, hook: Any) -> None:
        read["z"] = activation.clone()

    whole_group = patch_hook(source, head // group, patch_type, positions)
    bridge.run_with_hooks(
        base_tokens,
        fwd_hooks=[(hook_name(layer, patch_type), whole_group), (z_name, keep)],
    )
    return [(z_name, patch_hook(read["z"], head, "output", None))]


def run_tokens(
    pairs: PromptPairs, indices: Sequence[int], direction: str
) -> tuple[Tensor, Tensor]:
    """Base and source tokens of pairs of equal length, for a direction."""
    clean = torch.tensor([pairs[index].clean_tokens for index in indices])
    corrupt = torch.tensor([pairs[index].corrupt_tokens for index in indices])
    return (corrupt, clean) if direction == "denoising" else (clean, corrupt)
