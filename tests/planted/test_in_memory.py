"""A planted model made in memory is the one that its checkpoint is prepared into."""

from dataclasses import asdict

import pytest
import torch
from torch.testing import assert_close

from head_patching.planted.circuit import (
    ARCHITECTURES,
    DEFAULT_NOISE,
    ROLES,
    PlantedModel,
)
from head_patching.planted.in_memory import planted_in_memory
from tests.planted_models import WORDS, planted_model

CASES = [
    (architecture, *case)
    for architecture in ARCHITECTURES
    for case in ((DEFAULT_NOISE, ()), (0.0, ("induction",)), (0.4, tuple(ROLES)))
]


@pytest.fixture(params=CASES, ids=str, scope="module")
def both(request):
    """The same model, made in memory and prepared from its checkpoint."""
    architecture, noise, without = request.param
    model = planted_in_memory(PlantedModel(architecture, 3, noise, without), WORDS)
    return model, planted_model(architecture, noise, without)


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
