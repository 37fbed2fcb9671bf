"""Attention by position, against the attention of a model with one kind of token."""

import copy

import numpy as np
import pytest
import torch

from head_patching.roles.inspection.previous import previous_token_shares


def test_equal_to_a_run_in_which_all_tokens_are_the_mean(prepared):
    model, _ = prepared
    obtained = previous_token_shares(model, model.W_E.mean(dim=0))
    same = copy.deepcopy(model)
    same.W_E[:] = model.W_E.mean(dim=0)
    for layer in same.layers:
        for writing in (layer.W_O, layer.b_O, layer.W_out, layer.b_out):
            if writing is not None:
                writing.zero_()
    pattern = same.run(torch.arange(32)[None]).pattern[:, 0]
    for layer, head in model.config.heads:
        back = [float(pattern[layer, head, at, at - 1]) for at in range(1, 32)]
        assert float(obtained[layer, head]) == pytest.approx(np.mean(back), abs=1e-5)


def test_without_positions_attention_is_spread_evenly(build):
    model = build()
    model.W_pos.zero_()
    even = np.mean([1 / (at + 1) for at in range(1, 32)])
    obtained = previous_token_shares(model, model.W_E.mean(dim=0))
    assert obtained.numpy() == pytest.approx(even, abs=1e-5)
