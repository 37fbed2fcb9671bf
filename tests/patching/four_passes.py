"""Path patching as the paper describes it: four passes, by TransformerLens's hooks."""

import numpy as np
import torch

from head_patching.metrics import logit_diff
from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import group_pairs


def position_mask(pairs, members, label, tokens):
    """Where each prompt is patched: everywhere, or at its own position."""
    mask = torch.ones_like(tokens, dtype=torch.bool)
    for row, index in enumerate(members if label is not None else ()):
        position = pairs[index].positions[label] if isinstance(label, str) else label
        mask[row] = torch.arange(tokens.shape[1]) == position
    return mask


def putting(activation):
    """A hook that puts another activation in place."""
    return lambda own, hook: activation


def putting_heads(values, heads, mask):
    """A hook that replaces some heads' part of an activation where the mask says."""

    def put(own, hook):
        replaced = own.clone()
        for head in heads:
            replaced[:, :, head][mask] = values[:, :, head][mask]
        return replaced

    return put


def keeping(read, name):
    """A hook that keeps an activation."""

    def keep(own, hook):
        read[name] = own.clone()

    return keep


@torch.no_grad()
def four_passes(
    bridge,
    base_tokens,
    source_tokens,
    senders,
    receivers,
    sender_mask,
    receiver_mask,
    mlps,
    silenced=(),
    silenced_mask=None,
):
    """Logits [batch d_vocab] at END, by the passes of Wang et al. 2022, appendix B.

    `senders` has a set of heads for each prompt of the batch. The outputs of `silenced`
    heads are the source's at the mask in every pass but A.
    """
    _, source = bridge.run_with_cache(source_tokens)  # pass A
    always = []
    for layer in sorted({layer for layer, _ in silenced}):
        name = f"blocks.{layer}.attn.hook_z"
        heads = [head for at, head in silenced if at == layer]
        always.append((name, putting_heads(source[name], heads, silenced_mask)))
    with bridge.hooks(fwd_hooks=always):
        _, base = bridge.run_with_cache(base_tokens)  # pass B
    group = 1
    if bridge.cfg.n_key_value_heads:
        group = bridge.cfg.n_heads // bridge.cfg.n_key_value_heads

    hooks, read = [], {}  # pass C
    for layer in range(bridge.cfg.n_layers):
        name = f"blocks.{layer}.attn.hook_z"
        z = base[name].clone()
        for row, heads in enumerate(senders):
            for head in (head for at, head in heads if at == layer):
                where = sender_mask[row]
                z[row, where, head] = source[name][row, where, head]
        hooks.append((name, putting(z)))
        if mlps == "frozen":
            name = f"blocks.{layer}.hook_mlp_out"
            hooks.append((name, putting(base[name])))
    if receivers == "logits":
        return bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)[:, -1]
    names = {
        layer: f"blocks.{layer}.attn.hook_{receivers.activation}"
        for layer in sorted({layer for layer, _ in receivers.heads})
    }
    hooks += [(name, keeping(read, name)) for name in names.values()]
    bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)

    hooks = list(always)  # pass D
    for layer, name in names.items():
        heads = [head for at, head in receivers.heads if at == layer]
        if group == 1 or receivers.activation == "q":
            hooks.append((name, putting_heads(read[name], heads, receiver_mask)))
            continue
        # A hook would replace a whole group's key or value: the receivers' z under it
        # is read, and put into a run without it.
        z_name, whole_groups = (
            f"blocks.{layer}.attn.hook_z",
            putting_heads(read[name], {head // group for head in heads}, receiver_mask),
        )
        fwd_hooks = [*hooks, (name, whole_groups), (z_name, keeping(read, z_name))]
        bridge.run_with_hooks(base_tokens, fwd_hooks=fwd_hooks)
        everywhere = torch.ones_like(base_tokens, dtype=torch.bool)
        hooks.append((z_name, putting_heads(read[z_name], heads, everywhere)))
    return bridge.run_with_hooks(base_tokens, fwd_hooks=hooks)[:, -1]


def hooked_effects(
    model,
    bridge,
    pairs,
    direction,
    receivers,
    mlps,
    sender_position=None,
    masks=None,
    senders=None,
    silenced=(),
    silenced_position=None,
):
    """logit_diff [sender pair] of every sender, a set of heads, by hooks alone."""
    senders = senders or [[head] for head in model.config.heads]
    expected = np.empty((len(senders), len(pairs)))
    for members in group_pairs(pairs).values():
        base_tokens, source_tokens = run_tokens(pairs, members, direction)
        label = None if receivers == "logits" else receivers.position
        sender_mask, receiver_mask = masks or (
            position_mask(pairs, members, sender_position, base_tokens),
            position_mask(pairs, members, label, base_tokens),
        )
        answer = torch.tensor([pairs[index].answer_token for index in members])
        wrong = torch.tensor([pairs[index].wrong_answer_token for index in members])
        n_senders = len(senders)
        logits = four_passes(
            bridge,
            base_tokens.repeat(n_senders, 1),
            source_tokens.repeat(n_senders, 1),
            [sender for sender in senders for _ in members],
            receivers,
            sender_mask.repeat(n_senders, 1),
            receiver_mask.repeat(n_senders, 1),
            mlps,
            silenced,
            position_mask(pairs, members, silenced_position, base_tokens).repeat(
                n_senders, 1
            ),
        ).unflatten(0, (n_senders, len(members)))
        expected[:, members] = logit_diff(logits, answer, wrong)
    return expected


def effects_of_every_head(model, *options, **more):
    """The same for all heads of the model: [layer head pair]."""
    of_heads = hooked_effects(model, *options, **more)
    return of_heads.reshape(model.config.n_layers, model.config.n_heads, -1)
