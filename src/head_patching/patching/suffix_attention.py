"""Attention of patched runs: to the base run's keys, and to those of the patch itself.

No patch changes anything before `first`, the first patched position. So the keys there
(the axis `prefix_pos`) are the base run's for all patches; only those from `first` on
(`suffix_pos`) differ between patches. The query heads of one key-value head share its
keys. So scores with the prefix are one matrix product for each prompt and key-value
head, over all its patches and queries; scores with the suffix are one product for each
prompt, key-value head and patch. One softmax goes over both. z is the sum of two such
products with the values.

Axes: `query_pos` has the positions of the suffix whose z is wanted, the last of which
is END; `group` the query heads of one key-value head; `batch_kv` is [batch * kv_head],
and `query_group` is [query_pos * group].
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from head_patching.models.attention import PLAIN, AttentionRule


def suffix_attention(
    q: Float[Tensor, "patch batch query_pos head d_head"],
    k: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
    v: Float[Tensor, "patch batch suffix_pos kv_head d_head"],
    base_k: Float[Tensor, "batch_kv d_head prefix_pos"],
    base_v: Float[Tensor, "batch_kv prefix_pos d_head"],
    is_padding: Bool[Tensor, "batch prefix_pos"] | None,
    rule: AttentionRule = PLAIN,
) -> Float[Tensor, "patch batch query_pos head d_head"]:
    """z of each patched run.

    Parameters
    ----------
    q
        Queries of the patched runs, at the positions where z is wanted.
    k, v
        Keys and values of the patched runs, from `first` on. If every query head has
        its own copy, kv_head is head.
    base_k, base_v
        Those of the base run before `first`.
    is_padding
        Which positions before `first` are padding (None: no position).
    rule
        How scores become a pattern.
    """
    n_patches, batch, n_suffix, n_kv, d_head = k.shape
    d_value = v.shape[-1]
    n_query, n_heads = q.shape[2:4]
    n_prefix, group = base_k.shape[2], n_heads // n_kv

    q = q.unflatten(3, (n_kv, group))  # [patch batch query_pos kv_head group d_head]
    q = q.permute(1, 3, 0, 2, 4, 5)  # [batch kv_head patch query_pos group d_head]
    # [batch_kv patch query_group d_head]
    q = q.reshape(batch * n_kv, n_patches, n_query * group, d_head)
    k, v = (
        kv.permute(1, 3, 0, 2, 4).reshape(-1, n_patches, n_suffix, kv.shape[-1])
        for kv in (k, v)
    )  # [batch_kv patch suffix_pos d_head]

    if rule.is_plain:
        pattern = scaled_scores(q, k, base_k, is_padding, group).softmax(dim=3)
    else:
        pattern = ruled_pattern(q, k, base_k, is_padding, group, rule)
    prefix_pattern, suffix_pattern = pattern.split((n_prefix, n_suffix), dim=3)
    z = (suffix_pattern @ v).flatten(1, 2)  # [batch_kv patch*query_group d_head]
    z = z.baddbmm_(prefix_pattern.flatten(1, 2), base_v)

    # [batch kv_head patch query_pos group d_head]
    z = z.view(batch, n_kv, n_patches, n_query, group, d_value)
    z = z.permute(2, 0, 3, 1, 4, 5)  # [patch batch query_pos kv_head group d_head]
    return z.reshape(n_patches, batch, n_query, n_heads, d_value)


def ruled_pattern(
    q: Float[Tensor, "batch_kv patch query_group d_head"],
    k: Float[Tensor, "batch_kv patch suffix_pos d_head"],
    base_k: Float[Tensor, "batch_kv d_head prefix_pos"],
    is_padding: Bool[Tensor, "batch prefix_pos"] | None,
    group: int,
    rule: AttentionRule,
) -> Float[Tensor, "batch_kv patch query_group prefix_pos+suffix_pos"]:
    """The attention pattern by a layer's rule (parameters: see `scaled_scores`)."""
    n_batch_kv, n_patches, _, d_head = q.shape
    n_suffix, n_prefix = k.shape[2], base_k.shape[2]
    prefix = torch.bmm(q.flatten(1, 2), base_k).view(*q.shape[:3], n_prefix)
    products = torch.cat((prefix, q @ k.transpose(2, 3)), dim=3)
    # As the rule reads them: [batch patch head query_pos key_pos].
    batch = n_batch_kv if is_padding is None else len(is_padding)
    n_heads_kv = n_batch_kv // batch
    if rule.slopes is not None or rule.sinks is not None:
        n_heads_kv = (
            len(rule.slopes if rule.slopes is not None else rule.sinks) // group
        )
        batch = n_batch_kv // n_heads_kv
    by_head = products.view(
        batch, n_heads_kv, n_patches, -1, group, n_prefix + n_suffix
    )
    by_head = by_head.permute(0, 2, 1, 4, 3, 5).flatten(2, 3)
    readable = None
    if is_padding is not None:
        readable = functional.pad(~is_padding, (0, n_suffix), value=True)
        readable = readable[:, None, None, None]  # [batch 1 1 1 key_pos]
    pattern = rule.pattern(by_head, d_head, readable)
    pattern = pattern.unflatten(2, (n_heads_kv, group)).permute(0, 2, 1, 4, 3, 5)
    return pattern.reshape(products.shape)


def scaled_scores(
    q: Float[Tensor, "batch_kv patch query_group d_head"],
    k: Float[Tensor, "batch_kv patch suffix_pos d_head"],
    base_k: Float[Tensor, "batch_kv d_head prefix_pos"],
    is_padding: Bool[Tensor, "batch prefix_pos"] | None,
    group: int,
) -> Float[Tensor, "batch_kv patch query_group prefix_pos+suffix_pos"]:
    """Attention scores with the keys of the prefix, then of the suffix.

    They are minus infinity where a query must not attend: to padding, or forwards.

    Parameters
    ----------
    q
        Queries of the patched runs.
    k
        Keys of the patched runs, from `first` on.
    base_k
        Keys of the base run, before `first`.
    is_padding
        Which positions before `first` are padding (None: no position).
    group
        How many query heads share a key-value head.
    """
    n_query_group, d_head = q.shape[2:]
    n_suffix, n_prefix = k.shape[2], base_k.shape[2]
    prefix = torch.bmm(
        q.flatten(1, 2), base_k
    )  # [batch_kv patch*query_group prefix_pos]
    if is_padding is not None:
        # [batch kv_head patch*query_group prefix_pos], a view: filled in place
        batch = len(is_padding)
        by_prompt = prefix.view(batch, len(q) // batch, *prefix.shape[1:])
        by_prompt.masked_fill_(is_padding[:, None, None], float("-inf"))
    suffix = q @ k.transpose(2, 3)  # [batch_kv patch query_group suffix_pos]
    suffix += causal_bias(n_query_group // group, n_suffix, group, suffix)
    # [batch_kv patch query_group prefix_pos]
    prefix = prefix.view(*q.shape[:3], n_prefix)
    return torch.cat((prefix, suffix), dim=3).mul_(d_head**-0.5)


def causal_bias(
    n_query: int, n_suffix: int, group: int, like: Tensor
) -> Float[Tensor, "query_group suffix_pos"]:
    """Minus infinity where a key lies after its query, for each query head of a group.

    The last query and the last key have the same position. The bias is on the device
    and in the precision of `like`.
    """
    bias = torch.full((n_query, n_suffix), float("-inf"), device=like.device)
    bias = bias.triu(n_suffix - n_query + 1).to(like.dtype)  # [query_pos suffix_pos]
    return bias.repeat_interleave(group, dim=0)  # [query_group suffix_pos]
