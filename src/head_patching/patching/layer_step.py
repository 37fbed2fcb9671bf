"""One layer of many patched runs of the same prompts, computed together.

A patch that started below comes in with a changed residual stream: its q, k and v are
computed again. A patch that starts here only adds a vector to what the base run's
attention writes. In both cases the MLP reacts.

No patch changes anything before position `first`. Axes: `patch` has the patched runs,
`suffix_pos` the positions from `first` on, `query_pos` those of them whose residual is
wanted above the layer, `key_pos` the positions before `first`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from head_patching.models.activations import Activations
from head_patching.models.layers import (
    attention_write,
    mlp_write,
    normalise,
    per_query_head,
    rotate,
)
from head_patching.models.transformer import Model, rotary_tables
from head_patching.models.weights import LayerWeights
from head_patching.patching.hooks import Hook, InputHook, OutputHook
from head_patching.terms import HEAD_INPUTS

HookedRow = tuple[int, Hook]  # a row of the axis `patch`, and its hook


@dataclass(frozen=True)
class LayerStep:
    """What all patches share at one layer: its weights, and parts of the base run.

    Parameters
    ----------
    layer
        The layer's weights.
    query_pos
        The positions of the suffix whose residual above the layer is wanted.
    start_pos
        The position of the suffix's first token in the prompt, or in each prompt.
    base_resid
        The base run's resid_mid; where attention and MLP are parallel, its resid_post.
    base_k, base_v
        The base run's keys and values before the suffix.
    is_padding
        Which of these positions are padding (None: no position).
    """

    model: Model
    layer: LayerWeights
    query_pos: slice
    start_pos: int | Int[Tensor, " batch"]
    base_resid: Float[Tensor, "batch query_pos d_model"]
    base_k: Float[Tensor, "batch_kv_head d_head key_pos"]
    base_v: Float[Tensor, "batch_kv_head key_pos d_head"]
    is_padding: Bool[Tensor, "batch key_pos"] | None

    @classmethod
    def of(
        cls, model: Model, base: Activations, index: int, first: int, query_pos: slice
    ) -> "LayerStep":
        """The step through one layer, from the base run.

        Parameters
        ----------
        base
            The run that is patched.
        index
            The layer's number.
        first
            The first position that any patch changes.
        query_pos
            The positions of the suffix whose residual above the layer is wanted.
        """
        layer, config = model.layers[index], model.config
        resid_pre = base.resid_pre[index, :, first:][:, query_pos]
        z = base.z[index, :, first:][:, query_pos]  # [batch query_pos head d_head]
        base_resid = resid_pre + attention_write(z, layer)  # [batch query_pos d_model]
        if config.parallel_attn_mlp:
            base_resid += mlp_write(normalise(resid_pre, config), layer)
        k, v = (
            kv[index, :, :first].transpose(1, 2).flatten(0, 1)
            for kv in (base.k, base.v)
        )  # [batch_kv_head key_pos d_head]
        is_padding = None
        if base.padding is not None:
            position = torch.arange(first, device=model.device)
            is_padding = position < base.padding[:, None]  # [batch key_pos]
        return cls(
            model, layer, query_pos, base.position_in_prompt(first), base_resid,
            k.transpose(1, 2), v, is_padding,
        )  # fmt: skip

    def advance(
        self,
        resid_pre: Float[Tensor, "patch batch suffix_pos d_model"],
        hooks: Sequence[HookedRow],
    ) -> Float[Tensor, "patch batch query_pos d_model"]:
        """The residual above the layer, for patches that started below it."""
        config = self.model.config
        x = normalise(resid_pre, config)
        z = self.hooked_attention(x, hooks)  # [patch batch query_pos head d_head]
        resid = attention_write(z, self.layer)  # [patch batch query_pos d_model]
        resid.add_(resid_pre[:, :, self.query_pos])
        if config.parallel_attn_mlp:
            return resid.add_(mlp_write(x[:, :, self.query_pos], self.layer))
        return resid.add_(mlp_write(normalise(resid, config), self.layer))

    def start(
        self, delta: Float[Tensor, "patch batch query_pos d_model"]
    ) -> Float[Tensor, "patch batch query_pos d_model"]:
        """The residual above the layer, for patches that start at it."""
        config, resid = self.model.config, delta + self.base_resid
        if config.parallel_attn_mlp:  # the MLP read resid_pre: the patch is not in it
            return resid
        return resid.add_(mlp_write(normalise(resid, config), self.layer))

    def hooked_attention(
        self,
        x: Float[Tensor, "patch batch suffix_pos d_model"],
        hooks: Sequence[HookedRow],
    ) -> Float[Tensor, "patch batch query_pos head d_head"]:
        """z of the normalised residual stream, with the hooks of single patches.

        Parameters
        ----------
        hooks
            Each with the row of `x` that has its patch.
        """
        q, k, v = self.project_qkv(x)
        base_k, base_v = self.base_k, self.base_v
        on_inputs = [(row, hook) for row, hook in hooks if isinstance(hook, InputHook)]
        if on_inputs:  # a replaced key or value is its head's alone: copies for each
            k, v = (per_query_head(kv, self.model.config) for kv in (k, v))
            group = self.model.config.group_size
            base_k, base_v = (
                kv.repeat_interleave(group, dim=0) for kv in (base_k, base_v)
            )  # their first axis becomes batch_head
            inputs = dict(zip(HEAD_INPUTS, (q, k, v), strict=True))
            for row, hook in on_inputs:
                hook.apply(inputs[hook.activation][row])
        z = self.attention(q, k, v, base_k, base_v)
        for row, hook in hooks:
            if isinstance(hook, OutputHook):
                hook.apply(z[row], self.query_pos)
        return z

    def project_qkv(
        self, x: Float[Tensor, "patch batch suffix_pos d_model"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v [patch batch suffix_pos heads d_head]."""
        config = self.model.config
        n_kv = config.n_key_value_heads
        qkv = functional.linear(x, self.layer.W_QKV.T, self.layer.b_QKV)
        qkv = qkv.unflatten(-1, (-1, config.d_head))  # [... suffix_pos heads d_head]
        qk, v = qkv.split((config.n_heads + n_kv, n_kv), dim=3)  # q and k of all heads
        qk = rotate(qk, *rotary_tables(self.model, self.start_pos, x.shape[2]))
        q, k = qk.split((config.n_heads, n_kv), dim=3)
        return q, k, v

    def attention(
        self,
        q: Float[Tensor, "patch batch suffix_pos head d_head"],
        k: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
        v: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
        base_k: Float[Tensor, "batch_kv_head d_head key_pos"],
        base_v: Float[Tensor, "batch_kv_head key_pos d_head"],
    ) -> Float[Tensor, "patch batch query_pos head d_head"]:
        """z at the wanted positions, of attention to the base run's keys and its own.

        The heads of one key-value head, and all patches of one prompt, share the base
        run's keys: with the prompt and the key-value head as the batch axis b, and the
        queries of a group's heads as the axis q, their scores are one product.

        Parameters
        ----------
        q, k, v
            Of each patch, from `first` on.
        base_k, base_v
            Of the base run, before `first`.
        """
        n_patches, batch, n_suffix, n_kv, d_head = k.shape
        q = q[:, :, self.query_pos]  # [patch batch query_pos head d_head]
        n_query, n_heads = q.shape[2:4]
        n_before, group = base_k.shape[2], n_heads // n_kv

        q = q.unflatten(3, (n_kv, group))  # [patch batch query_pos kv_head group d]
        q = q.permute(1, 3, 0, 2, 4, 5)  # [batch kv_head patch query_pos group d]
        q = q.reshape(batch * n_kv, n_patches, n_query * group, d_head)  # [b patch q d]
        k, v = (
            kv.permute(1, 3, 0, 2, 4).reshape(-1, n_patches, n_suffix, d_head)
            for kv in (k, v)
        )  # [b patch suffix_pos d]
        # Scores of the keys before the suffix, and of those within it.
        before = torch.bmm(q.flatten(1, 2), base_k)  # [b patch*q key_pos]
        if self.is_padding is not None:
            by_prompt = before.view(batch, n_kv, -1, n_before)
            by_prompt.masked_fill_(self.is_padding[:, None, None], float("-inf"))
        within = q @ k.transpose(2, 3)  # [b patch q suffix_pos]
        within += causal_bias(n_query, n_suffix, group, within)
        before = before.view(*q.shape[:3], n_before)  # [b patch q key_pos]
        scores = torch.cat((before, within), dim=3)  # [b patch q key_pos+suffix_pos]
        pattern = scores.mul_(d_head**-0.5).softmax(dim=3)
        before, within = pattern.split((n_before, n_suffix), dim=3)
        z = (within @ v).flatten(1, 2)  # [b patch*q d]
        z = z.baddbmm_(before.flatten(1, 2), base_v)

        z = z.view(batch, n_kv, n_patches, n_query, group, d_head)
        z = z.permute(2, 0, 3, 1, 4, 5)  # [patch batch query_pos kv_head group d]
        return z.reshape(n_patches, batch, n_query, n_heads, d_head)


def causal_bias(
    n_query: int, n_key: int, group: int, like: Tensor
) -> Float[Tensor, "query_pos_group key_pos"]:
    """Minus infinity where a key lies after its query, for each head of a group."""
    bias = torch.full((n_query, n_key), float("-inf"), device=like.device)
    bias = bias.triu(n_key - n_query + 1).to(like.dtype)  # [query_pos key_pos]
    return bias.repeat_interleave(group, dim=0)  # [query_pos*group key_pos]
