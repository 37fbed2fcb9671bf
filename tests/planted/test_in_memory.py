"""A planted model made in memory is the one that its checkpoint is prepared into."""

from dataclasses import asdict

import pytest
import torch
from torch.testing import assert_close

from head_patching.planted.circuit import (
    ARCHITECTURES,
    DECOYS,
    ROLES,
    PlantedModel,
)
from head_patching.planted.in_memory import planted_in_memory
from tests.planted_models import WORDS, prepared

CASES = [
    PlantedModel(architecture, 3, **case)
    for architecture in ARCHITECTURES
    for case in (
        {},
        {"noise": 0.0, "without": ("induction",)},
        {"noise": 0.4, "without": tuple(map(str, ROLES))},
        {"redundancy": 2, "attention": "saturated", "decoys": tuple(DECOYS)},
        {"redundancy": 1, "wiring": "place", "n_layers": 9, "n_heads": 10},
    )
]


@pytest.fixture(params=CASES, ids=str, scope="module")
def both(request):
    """The same model, made in memory and prepared from its checkpoint."""
    return planted_in_memory(request.param, WORDS), prepared(request.param)


def test_shapes_and_weights_are_the_same(both):
    model, prepared = both
    ours, theirs = (asdict(each.config) | {"name": ""} for each in both)
    assert ours == theirs
    for layer, expected in zip(model.layers, prepared.layers, strict=True):
        for name in ("W_QKV", "W_O", "W_gate", "W_in", "W_out"):
            weights = getattr(layer, name), getattr(expected, name)
            assert_close(*weights, atol=1e-6, rtol=0)
        for name in ("b_QKV", "b_O", "b_in", "b_out"):  # no bias, or nothing but zeros
            assert getattr(layer, name) is None
            bias = getattr(expected, name)
            assert bias is None or not bias.any(), name
    for name in ("W_E", "W_pos", "W_U", "b_U", "rotary_cos", "rotary_sin"):
        assert_close(getattr(model, name), getattr(prepared, name), atol=2e-6, rtol=0)


def test_tokens_and_logits_are_the_same(both):
    text = "When Mary and John went to the store, John gave a drink to"
    tokens, expected = (torch.tensor([each.tokenizer(text).input_ids]) for each in both)
    assert tokens.tolist() == expected.tolist()
    logits = [each.run(tokens).final_logits for each in both]
    assert_close(*logits, atol=1e-4, rtol=0)
    assert float(logits[0].max() - logits[0].min()) > 0.1
