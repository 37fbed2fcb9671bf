"""The slow reference: one full forward pass with TransformerLens's hooks per head.

It shares no arithmetic with the engine. It is the oracle of the self-check in every
build. Of models that TransformerLens does not fold, or not rightly, plain transformers
is the reference (`own_reference`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from head_patching.lookup import find
from head_patching.models.bridge import load_bridge
from head_patching.models.module_model import ModuleModel
from head_patching.models.own_forward import load_own
from head_patching.models.transformer import Model
from head_patching.patching.own_reference import own_reference_logits
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES, SHARED_IN_GROUP

Hook = Callable[..., Tensor | None]


def load_reference(model: Model) -> Any:
    """TransformerLens's model of a prepared one, or transformers' if it is not folded.

    Raises
    ------
    ValueError
        When the model was not loaded from a prepared folder, which has its checkpoint.
    """
    if model.folder is None:
        raise ValueError(f"{model.config.name} has no checkpoint folder")
    load = load_own if isinstance(model, ModuleModel) else load_bridge
    return load(model.folder / "checkpoint")


def hook_name(layer: int, activation: str) -> str:
    """TransformerLens's name of an activation of a layer's attention.

    Examples
    --------
    >>> hook_name(3, "pattern")
    'blocks.3.attn.hook_pattern'
    """
    return f"blocks.{layer}.attn.hook_{activation}"


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
    patch_type: str,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch d_vocab"]:
    """Logits at END with each of `heads` patched alone, from the source run.

    With grouped-query attention a key or value hook replaces a whole group's. To patch
    one query head, the reference runs the group's patch, reads this head's z at the
    layer, and patches that z: still only TransformerLens's own arithmetic.

    Parameters
    ----------
    bridge
        TransformerLens's model, or transformers' of one that it does not fold.
    base_tokens
        The prompts that are patched.
    source_tokens
        The prompts that patches come from, of equal length.
    patch_type
        A name of `terms.PATCH_TYPES`: its activations are replaced together.
    positions
        Where they are replaced (None: everywhere); query positions of a pattern.
    """
    if not hasattr(bridge, "run_with_hooks"):
        return own_reference_logits(
            bridge, base_tokens, source_tokens, heads, patch_type, positions
        )
    replaced = find("patch type", patch_type, PATCH_TYPES).replaces
    layers = range(bridge.cfg.n_layers)
    names = [hook_name(layer, each) for layer in layers for each in replaced]
    _, source = bridge.run_with_cache(source_tokens, names_filter=names)
    n_key_value_heads = bridge.cfg.n_key_value_heads or bridge.cfg.n_heads
    group = bridge.cfg.n_heads // n_key_value_heads
    of_groups = group > 1 and not set(replaced).isdisjoint(SHARED_IN_GROUP)
    logits = []
    for layer, head in heads:
        of_layer = {each: source[hook_name(layer, each)] for each in replaced}
        if of_groups:
            z = z_of_group_patch(
                bridge, base_tokens, of_layer, (layer, head), group, positions
            )
            hooks = [(hook_name(layer, "z"), patch_hook("z", z, head, None))]
        else:
            hooks = [
                (hook_name(layer, each), patch_hook(each, from_source, head, positions))
                for each, from_source in of_layer.items()
            ]
        patched = bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)
        logits.append(patched[:, -1].clone())  # [batch d_vocab]
    return torch.stack(logits)


def patch_hook(
    activation: str,
    source: Tensor,
    head: int,
    positions: Bool[Tensor, "batch position"] | None,
) -> Hook:
    """A hook that replaces one head's part of an activation."""

    def patch(own: Tensor, hook: Any) -> Tensor:
        if activation != "pattern":
            return put_head(own, source, head, positions)
        own, by_query = own.transpose(1, 2), source.transpose(1, 2)
        return put_head(own, by_query, head, positions).transpose(1, 2)

    return patch


def z_of_group_patch(
    bridge: Any,
    base_tokens: Int[Tensor, "batch position"],
    source: Mapping[str, Tensor],
    at: tuple[int, int],
    group: int,
    positions: Bool[Tensor, "batch position"] | None,
) -> Float[Tensor, "batch position head d_head"]:
    """z of a layer with a head's activations replaced, its whole group's k and v.

    Parameters
    ----------
    source
        The activations to put in, by name.
    at
        The head (layer, head).
    group
        Query heads of each key-value head.
    """
    layer, head = at
    read = {}

    def keep(z: Tensor, hook: Any) -> None:
        read["z"] = z.clone()

    hooks = [
        (
            hook_name(layer, each),
            patch_hook(
                each,
                from_source,
                head // group if each in SHARED_IN_GROUP else head,
                positions,
            ),
        )
        for each, from_source in source.items()
    ]
    hooks.append((hook_name(layer, "z"), keep))
    bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)
    return read["z"]


def run_tokens(
    pairs: PromptPairs, indices: Sequence[int], direction: str
) -> tuple[Int[Tensor, "pair position"], Int[Tensor, "pair position"]]:
    """Base and source tokens of pairs of equal length, for a direction."""
    tokens = {
        "clean": torch.tensor([pairs[index].clean_tokens for index in indices]),
        "corrupt": torch.tensor([pairs[index].corrupt_tokens for index in indices]),
    }
    runs = find("direction", direction, DIRECTIONS)
    return tokens[runs.base], tokens[runs.source]


def position_mask(
    pairs: PromptPairs, indices: Sequence[int], label: str | int | None
) -> Bool[Tensor, "pair position"] | None:
    """Each pair's own position of a name or number, in pairs of equal length.

    None: everywhere. A pair that is too short has the position nowhere.
    """
    if label is None:
        return None
    n_positions = len(pairs[indices[0]].clean_tokens)
    mask = torch.zeros(len(indices), n_positions, dtype=torch.bool)
    for row, index in enumerate(indices):
        position = pairs[index].positions[label] if isinstance(label, str) else label
        if position < n_positions:
            mask[row, position] = True
    return mask
