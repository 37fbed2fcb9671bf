"""The slow way to every head: a reference that patches one head after the other."""

import numpy as np
import torch

from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import group_pairs


def reference_logit_diff(model, pairs, direction, logits_of, label=None):
    """logit_diff [layer head pair] by a reference.

    `logits_of(base, source, heads, mask)` gives its logits at END [head batch d_vocab],
    patched where the mask is True (None: everywhere).
    """
    config = model.config
    expected = np.empty((config.n_layers, config.n_heads, len(pairs)))
    for members in group_pairs(pairs).values():
        base, source = run_tokens(pairs, members, direction)
        mask = None
        if label is not None:
            mask = torch.zeros_like(base, dtype=torch.bool)
            for row, index in enumerate(members):
                mask[row, pairs[index].positions[label]] = True
        logits = logits_of(base, source, config.heads, mask)
        for row, index in enumerate(members):
            pair = pairs[index]
            diff = logits[:, row, pair.answer_token]
            diff = diff - logits[:, row, pair.wrong_answer_token]
            expected[:, :, index] = diff.view(config.n_layers, config.n_heads).numpy()
    return expected
