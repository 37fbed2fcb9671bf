"""A run with the outputs of some heads replaced: the base of further patches.

What a head does may show only while others are silenced, as when two groups of heads do
one job. Then a run in which one group is patched is patched again.

`tests/patching/test_set_paths.py` compares every activation with TransformerLens's
hooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import BY_LAYER, Activations
from head_patching.models.attending import Attention
from head_patching.models.transformer import Model, unembed
from head_patching.patching.head_sets import check_sets, heads_in
from head_patching.patching.hooks import Held
from head_patching.patching.paths import position_mask
from head_patching.patching.runs import PairBatch
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head


@dataclass(frozen=True)
class Silenced:
    """Heads whose outputs are the corrupt run's at one position, whatever is patched.

    `position` is the name of each prompt's own position.
    """

    heads: Sequence[Head]
    position: str

    def batch(self, model: Model, pairs: PromptPairs, batch: PairBatch) -> PairBatch:
        """The batch with the heads silenced in its clean run."""
        mask = position_mask(pairs, batch, self.position)
        clean = with_heads_replaced(model, batch.clean, batch.corrupt, self.heads, mask)
        return replace(batch, clean=clean)

    def held(self, pairs: PromptPairs, batch: PairBatch) -> Held:
        """What holds them silent while other heads of the batch are patched."""
        mask = position_mask(pairs, batch, self.position)
        return Held(self.heads, batch.corrupt.z, mask)


@dataclass(frozen=True)
class AttentionWith:
    """Attention of one layer, with z of some heads replaced.

    Parameters
    ----------
    attention
        Computes z, and remembers what was read and written.
    source_z
        What z of `members` is taken from.
    members
        Head indices in the layer.
    where
        Where it is taken (None: everywhere).
    """

    attention: Attention
    source_z: Float[Tensor, "batch position head d_head"]
    members: Sequence[int]
    where: Bool[Tensor, "batch position 1 1"] | None

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        z = self.attention(q, k, v)
        if self.members:
            taken = self.source_z[:, :, self.members]
            if self.where is not None:
                taken = torch.where(self.where, taken, z[:, :, self.members])
            z[:, :, self.members] = taken
        return z


@torch.no_grad()
def with_heads_replaced(
    model: Model,
    base: Activations,
    source: Activations,
    heads: Sequence[Head],
    mask: Bool[Tensor, "batch position"] | None = None,
) -> Activations:
    """The base run with z of some heads taken from the source run, all else computed.

    Parameters
    ----------
    base
        The run to change; of all positions of its prompts.
    source
        The run that z is taken from.
    heads
        Heads (layer, head), replaced together.
    mask
        Where z is replaced (None: everywhere).

    Raises
    ------
    ValueError
        When no head is given, one is not in the model, or one is named twice.
    """
    check_sets(model, [heads])
    lowest = min(layer for layer, _ in heads)
    where = None if mask is None else mask[:, :, None, None]
    places = model.places(base.position_in_prompt(0), base.n_positions)
    resid, kept = base.resid_pre[lowest], []
    for index in range(lowest, model.config.n_layers):
        layer, members = model.layers[index], heads_in(heads, index)
        attention = AttentionWith(
            Attention(layer, base.padding, None), source.z[index], members, where
        )
        resid_post = layer.through(resid, places, attention)
        kept.append((resid, *attention.attention.kept))
        resid = resid_post
    computed = zip(BY_LAYER, zip(*kept, strict=True), strict=True)
    parts = {
        name: torch.cat((getattr(base, name)[:lowest], torch.stack(tensors)))
        for name, tensors in computed
    }
    return replace(base, **parts, final_logits=unembed(model, resid[:, -1]))
