"""Path patching, knock-outs and ablations by plain transformers alone."""

import numpy as np
import torch

from head_patching.metrics import logit_diff
from head_patching.patching.own_reference import own_run
from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import group_pairs
from tests.patching.four_passes import position_mask


def putting(values, heads, where):
    """Replaces some heads' part of an activation [prompt head position ...]."""

    def put(own):
        for head in heads:
            own[:, head] = torch.where(where[..., None], values[:, head], own[:, head])
        return own

    return put


def frozen(values, heads, source, where):
    """z of the base run, but for some heads, which have the source run's."""

    def put(own):
        z = values.clone()
        return putting(source, heads, where)(z)

    return put


def own_four_passes(own, tokens, n_layers, sender, receivers, masks):
    """Logits [batch d_vocab] at END with one sender's path to the receivers patched."""
    base_tokens, source_tokens = tokens
    sender_mask, receiver_mask = masks
    _, source = own_run(own, source_tokens)
    _, base = own_run(own, base_tokens)
    layer, head = sender
    swaps = {
        (at, "z"): frozen(
            base[at, "z"], [head] if at == layer else [], source[at, "z"], sender_mask
        )
        for at in range(n_layers)
    }
    logits, read = own_run(own, base_tokens, swaps)
    if receivers == "logits":
        return logits
    swaps = {}
    for at in {at for at, _ in receivers.heads}:
        heads = [head for where, head in receivers.heads if where == at]
        key = at, receivers.activation
        swaps[key] = putting(read[key], heads, receiver_mask)
    return own_run(own, base_tokens, swaps)[0]


def own_paths(model, own, pairs, direction, receivers):
    """logit_diff [layer head pair] of every sender, by plain transformers."""
    config = model.config
    expected = np.empty((config.n_layers, config.n_heads, len(pairs)))
    for members in group_pairs(pairs).values():
        tokens = run_tokens(pairs, members, direction)
        label = None if receivers == "logits" else receivers.position
        masks = (
            torch.ones_like(tokens[0], dtype=torch.bool),
            position_mask(pairs, members, label, tokens[0]),
        )
        answers = answers_of(pairs, members)
        for layer, head in config.heads:
            logits = own_four_passes(
                own, tokens, config.n_layers, (layer, head), receivers, masks
            )
            expected[layer, head, members] = logit_diff(logits, *answers)
    return expected


def own_sets(model, own, pairs, head_sets, positions):
    """logit_diff [set pair] of clean runs with sets' outputs from the corrupt run.

    `positions` names the only position, or is None, or "zero": outputs are zero.
    """
    expected = np.empty((len(head_sets), len(pairs)))
    for members in group_pairs(pairs).values():
        clean, corrupt = run_tokens(pairs, members, "noising")
        _, source = own_run(own, corrupt)
        label = None if positions in (None, "zero") else positions
        where = position_mask(pairs, members, label, clean)
        for number, heads in enumerate(head_sets):
            swaps = {}
            for at in {layer for layer, _ in heads}:
                z = source[at, "z"]
                z = torch.zeros_like(z) if positions == "zero" else z
                of_layer = [head for layer, head in heads if layer == at]
                swaps[at, "z"] = putting(z, of_layer, where)
            logits, _ = own_run(own, clean, swaps)
            expected[number, members] = logit_diff(logits, *answers_of(pairs, members))
    return expected


def answers_of(pairs, members):
    """Answer and wrong-answer tokens of some pairs."""
    return (
        torch.tensor([pairs[index].answer_token for index in members]),
        torch.tensor([pairs[index].wrong_answer_token for index in members]),
    )
