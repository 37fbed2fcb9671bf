"""TransformerLens's own arithmetic, as the oracle of head sets and knock-outs."""

import torch


def hooked_logits(bridge, tokens, z, heads, positions=None):
    """Logits at END with a hook on every layer of a set of heads.

    The heads hold their part of `z` [layer][batch position head d_head], everywhere or
    where the mask `positions` [batch position] says.
    """

    def hook_for(layer):
        def hold(activation, hook):
            held = activation.clone()
            for at, head in heads:
                if at == layer and positions is None:
                    held[:, :, head] = z[layer][:, :, head]
                elif at == layer:
                    held[:, :, head][positions] = z[layer][:, :, head][positions]
            return held

        return (f"blocks.{layer}.attn.hook_z", hold)

    layers = sorted({layer for layer, _ in heads})
    with torch.no_grad():
        hooks = [hook_for(layer) for layer in layers]
        return bridge.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]
