"""One layer of many patched runs of the same prompts, computed together.

A patch that started below comes in with a changed residual stream: its q, k and v are
computed again. A patch that starts here only adds its delta to the base run's attn_out
(the sum of what the layer's heads write, and b_O). In both cases the MLP reacts.

No patch changes anything before `first`, the first patched position. Axes: `patch` has
the patched runs; `prefix_pos` the positions before `first`, whose keys and values are
the base run's; `suffix_pos` the positions from `first` on; `query_pos` those of the
suffix whose residual is wanted above the layer. `batch_kv` is [batch * kv_head].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.layers import (
    attn_out,
    mlp_out,
    normalise,
    per_query_head,
    rotate,
)
from head_patching.models.products import linear
from head_patching.models.transformer import Model, rotary_tables
from head_patching.models.weights import LayerWeights
from head_patching.patching.hooks import Hook, InputHook, OutputHook
from head_patching.patching.suffix_attention import suffix_attention
from head_patching.terms import HEAD_INPUTS

HookAt = tuple[int, Hook]  # an index on the axis `patch` of a tensor, and its hook


@dataclass(frozen=True)
class LayerStep:
    """What all patches share at one layer: its weights, and parts of the base run.

    Parameters
    ----------
    weights
        The layer's weights.
    query_pos
        The positions of the suffix whose residual above the layer is wanted.
    rotary_offset
        Rotary position of the suffix's first token: `first` without the padding before
        it, of each prompt if they differ.
    base_resid
        What the delta of a patch that starts here is added to: the base run's
        resid_mid; where attention and MLP are parallel, its resid_post, since that MLP
        does not read attn_out.
    base_k, base_v
        The base run's keys and values before the suffix.
    is_padding
        Which positions before the suffix are padding (None: no position).
    """

    model: Model
    weights: LayerWeights
    query_pos: slice
    rotary_offset: int | Int[Tensor, " batch"]
    base_resid: Float[Tensor, "batch query_pos d_model"]
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
        weights, config = model.layers[layer], model.config
        resid_pre = base.resid_pre[layer, :, first:][:, query_pos]
        z = base.z[layer, :, first:][:, query_pos]  # [batch query_pos head d_head]
        base_resid = resid_pre + attn_out(z, weights)  # [batch query_pos d_model]
        if config.parallel_attn_mlp:
            base_resid += mlp_out(normalise(resid_pre, config), weights)
        k, v = (
            kv[layer, :, :first].transpose(1, 2).flatten(0, 1)
            for kv in (base.k, base.v)
        )  # [batch_kv prefix_pos d_head]
        k = k.transpose(1, 2)  # [batch_kv d_head prefix_pos]
        is_padding = None
        if base.padding is not None:
            position = torch.arange(first, device=model.device)  # [prefix_pos]
            is_padding = position < base.padding[:, None]  # [batch prefix_pos]
        return cls(
            model, weights, query_pos, base.position_in_prompt(first), base_resid,
            k, v, is_padding,
        )  # fmt: skip

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
        config = self.model.config
        normalised = normalise(resid_pre, config)
        z = self.hooked_z(normalised, hooks)  # [patch batch query_pos head d_head]
        resid = attn_out(z, self.weights)  # [patch batch query_pos d_model]
        resid.add_(resid_pre[:, :, self.query_pos])
        if config.parallel_attn_mlp:
            return resid.add_(mlp_out(normalised[:, :, self.query_pos], self.weights))
        return resid.add_(mlp_out(normalise(resid, config), self.weights))

    def start(
        self, delta: Float[Tensor, "patch batch query_pos d_model"]
    ) -> Float[Tensor, "patch batch query_pos d_model"]:
        """resid_post of the layer, for patches that start at it by adding `delta`."""
        config, resid = self.model.config, delta + self.base_resid
        if config.parallel_attn_mlp:  # the MLP read resid_pre: the patch is not in it
            return resid
        return resid.add_(mlp_out(normalise(resid, config), self.weights))

    def hooked_z(
        self,
        normalised: Float[Tensor, "patch batch suffix_pos d_model"],
        hooks: Sequence[HookAt],
    ) -> Float[Tensor, "patch batch query_pos head d_head"]:
        """z of each patched run, some with hooks on this layer.

        Parameters
        ----------
        normalised
            What the layer's attention reads: the normalised resid_pre.
        hooks
            Each with the index of its patch in `normalised`.
        """
        q, k, v = self.suffix_qkv(normalised)
        base_k, base_v = self.base_k, self.base_v
        on_inputs = [(i, hook) for i, hook in hooks if isinstance(hook, InputHook)]
        if on_inputs:
            # A hook replaces a key or value for one query head alone: each query head
            # has a copy. From here on the axis kv_head of k and v is head, and batch_kv
            # is [batch * head].
            k, v = (per_query_head(kv, self.model.config) for kv in (k, v))
            group = self.model.config.group_size
            base_k, base_v = (
                kv.repeat_interleave(group, dim=0) for kv in (base_k, base_v)
            )
            inputs = dict(zip(HEAD_INPUTS, (q, k, v), strict=True))
            for i, hook in on_inputs:
                hook.overwrite_(inputs[hook.activation][i])
        q = q[:, :, self.query_pos]  # [patch batch query_pos head d_head]
        z = suffix_attention(q, k, v, base_k, base_v, self.is_padding)
        for i, hook in hooks:
            if isinstance(hook, OutputHook):
                hook.overwrite_(z[i], self.query_pos)
        return z

    def suffix_qkv(
        self, normalised: Float[Tensor, "patch batch suffix_pos d_model"]
    ) -> tuple[
        Float[Tensor, "patch batch suffix_pos head d_head"],
        Float[Tensor, "patch batch suffix_pos kv_head d_head"],
        Float[Tensor, "patch batch suffix_pos kv_head d_head"],
    ]:
        """q, k and v of each patched run; q and k are rotated together."""
        config, offset = self.model.config, self.rotary_offset
        n_kv, n_suffix = config.n_key_value_heads, normalised.shape[2]
        qkv = linear(normalised, self.weights.W_QKV, self.weights.b_QKV)
        qkv = qkv.unflatten(-1, (-1, config.d_head))  # [... suffix_pos heads d_head]
        # heads of qk: the query heads, then the key-value heads
        qk, v = qkv.split((config.n_heads + n_kv, n_kv), dim=3)
        qk = rotate(qk, *rotary_tables(self.model, offset, n_suffix))
        q, k = qk.split((config.n_heads, n_kv), dim=3)
        return q, k, v
