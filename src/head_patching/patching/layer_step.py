"""One layer of many patched runs of the same prompts, computed together.

A patch that started below comes in with a changed residual stream: its q, k and v are
computed again. A patch that starts here only adds its delta to the base run's attn_out
(the sum of what the layer's heads write, and b_O). In both cases the MLP reacts.

No patch changes anything before `first`, the first patched position. Axes: `patch` has
the patched runs; `prefix_pos` the positions before `first`, whose keys and values are
the base run's; `suffix_pos` the positions from `first` on; `query_pos` those of the
suffix whose residual is wanted above the layer. `batch_kv` is [batch * kv_head].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.layer import Layer
from head_patching.models.layers import per_query_head
from head_patching.models.places import Places
from head_patching.models.transformer import Model
from head_patching.patching.hooks import Hook, InputHook, OutputHook
from head_patching.patching.suffix_attention import suffix_attention
from head_patching.terms import HEAD_INPUTS

HookAt = tuple[int, Hook]  # an index on the axis `patch` of a tensor, and its hook


@dataclass(frozen=True)
class LayerStep:
    """What all patches share at one layer: its weights, and parts of the base run.

    Parameters
    ----------
    layer
        The layer's weights, or its modules.
    query_pos
        The positions of the suffix whose residual above the layer is wanted.
    places
        Of the suffix, in each prompt.
    start
        resid_post at `query_pos` of patches that start here, from their delta.
    base_k, base_v
        The base run's keys and values before the suffix.
    is_padding
        Which positions before the suffix are padding (None: no position).
    """

    layer: Layer
    query_pos: slice
    places: Places
    start: Callable[[Tensor], Tensor]
    base_k: Float[Tensor, "batch_kv d_head prefix_pos"]
    base_v: Float[Tensor, "batch_kv prefix_pos d_head"]
    is_padding: Bool[Tensor, "batch prefix_pos"] | None

    @classmethod
    def of(
        cls, model: Model, base: Activations, layer: int, first: int, query_pos: slice
    ) -> "LayerStep":
        """The step through one layer, from the base run.

        Parameters
        ----------
        base
            The run that is patched.
        first
            First patched position, padding counted: no patch changes anything before.
        query_pos
            The positions of the suffix whose residual above the layer is wanted.
        """
        of_layer, resid_pre = model.layers[layer], base.resid_pre[layer, :, first:]
        n_suffix = resid_pre.shape[1]
        places = model.places(base.position_in_prompt(first), n_suffix)
        start = of_layer.starting(
            resid_pre[:, query_pos], base.z[layer, :, first:][:, query_pos],
            places.at(query_pos),
        )  # fmt: skip
        k, v = (
            kv[layer, :, :first].transpose(1, 2).flatten(0, 1)
            for kv in (base.k, base.v)
        )  # [batch_kv prefix_pos d_head]
        k = k.transpose(1, 2)  # [batch_kv d_head prefix_pos]
        is_padding = None
        if base.padding is not None:
            position = torch.arange(first, device=model.device)  # [prefix_pos]
            is_padding = position < base.padding[:, None]  # [batch prefix_pos]
        return cls(of_layer, query_pos, places, start, k, v, is_padding)

    def advance(
        self,
        resid_pre: Float[Tensor, "patch batch suffix_pos d_model"],
        hooks: Sequence[HookAt],
    ) -> Float[Tensor, "patch batch query_pos d_model"]:
        """resid_post of the layer, for patches that started below it.

        Parameters
        ----------
        resid_pre
            Of the patched runs.
        hooks
            Each with the index of its patch in `resid_pre`.
        """

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return self.hooked_z(q, k, v, hooks)

        return self.layer.through(resid_pre, self.places, attend, self.query_pos)

    def hooked_z(
        self,
        q: Float[Tensor, "patch batch suffix_pos head d_head"],
        k: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
        v: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
        hooks: Sequence[HookAt],
    ) -> Float[Tensor, "patch batch query_pos head d_head"]:
        """z of each patched run, some with hooks on this layer.

        Parameters
        ----------
        q, k, v
            Of each patched run, before any hook.
        hooks
            Each with the index of its patch.
        """
        base_k, base_v = self.base_k, self.base_v
        on_inputs = [(i, hook) for i, hook in hooks if isinstance(hook, InputHook)]
        if on_inputs:
            # A hook replaces a key or value for one query head alone: each query head
            # has a copy. From here on the axis kv_head of k and v is head, and batch_kv
            # is [batch * head].
            k, v = (per_query_head(kv, self.layer.config) for kv in (k, v))
            group = self.layer.config.group_size
            base_k, base_v = (
                kv.repeat_interleave(group, dim=0) for kv in (base_k, base_v)
            )
            inputs = dict(zip(HEAD_INPUTS, (q, k, v), strict=True))
            for i, hook in on_inputs:
                hook.overwrite_(inputs[hook.activation][i])
        q = q[:, :, self.query_pos]  # [patch batch query_pos head d_head]
        z = suffix_attention(
            q, k, v, base_k, base_v, self.is_padding, self.layer.rule
        )  # fmt: skip
        for i, hook in hooks:
            if isinstance(hook, OutputHook):
                hook.overwrite_(z[i], self.query_pos)
        return z
