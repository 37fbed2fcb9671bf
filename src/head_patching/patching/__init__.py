"""Patching: what the model says when activations of single heads are replaced.

Words of this room. The base run is patched with activations of the source run; one is
clean, the other corrupt. Each patch is one patched run of a batch of prompts, on the
axis `patch`. Positions are those of the batch: shorter prompts have padding before
them, which is counted. `first` is the first patched position: no patch changes anything
before it. `suffix_pos` has the positions from `first` on, `prefix_pos` those before. A
delta is what patched heads add to attn_out of their layer. A mask says at which
positions an activation is replaced.
"""
