"""A patch type is one entry of the register and one function of `deltas`."""

import numpy as np
import pytest
import torch

from head_patching.patching.contenders import activation_of
from head_patching.patching.deltas import PATCH_FUNCTIONS, patch_type
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.reference import (
    position_mask,
    reference_logits,
    run_tokens,
)
from head_patching.terms import DIRECTIONS, PATCH_TYPES, PatchType
from tests.architectures import random_pairs

TOLERANCE = 1e-4  # logit


@pytest.fixture
def new_types(monkeypatch):
    """Three toy types that replace two activations at once."""
    monkeypatch.setattr(
        "head_patching.patching.deltas.PATCH_FUNCTIONS", dict(PATCH_FUNCTIONS)
    )
    for name, replaces in {
        "key and value": ("k", "v"),
        "query and key": ("q", "k"),
        "query and value": ("q", "v"),
    }.items():
        monkeypatch.setitem(PATCH_TYPES, name, PatchType(name, replaces, name))

        @patch_type(name)
        def patched_z(patch, replaces=replaces):
            return patch.z(**{each: patch.from_source(each) for each in replaces})


def test_every_type_of_the_register_has_its_function():
    assert list(PATCH_FUNCTIONS) == list(PATCH_TYPES)


@pytest.mark.parametrize("label", [None, "S2"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ["key and value", "query and key", "query and value"])
def test_a_new_type_equals_its_hooks(prepared, new_types, name, direction, label):
    """With grouped queries (llama), too, where each head has its own key and value."""
    model, bridge = prepared
    pairs = random_pairs(seed=8, lengths=(8, 8, 8), n_changed=2)
    positions = "all" if label is None else [label]
    obtained = HeadPatcher(model).run(pairs, name, direction, positions)
    base, source = run_tokens(pairs, range(3), direction)
    mask = position_mask(pairs, range(3), label)
    logits = reference_logits(bridge, base, source, model.config.heads, name, mask)
    rows = torch.arange(3)
    answer, wrong = (
        torch.tensor([getattr(pair, key) for pair in pairs])
        for key in ("answer_token", "wrong_answer_token")
    )
    expected = (logits[:, rows, answer] - logits[:, rows, wrong]).numpy()
    values = obtained.logit_diff.values.reshape(expected.shape)
    assert np.abs(values - expected).max() < TOLERANCE
    for part in PATCH_TYPES[name].replaces:
        alone = HeadPatcher(model).run(pairs, part, direction, positions)
        change = alone.logit_diff.values.reshape(expected.shape) - expected
        assert np.abs(change).max() > 10 * TOLERANCE


def test_queries_and_keys_together_are_the_pattern(prepared, new_types):
    model, _ = prepared
    pairs = random_pairs(seed=9)
    together = HeadPatcher(model).run(pairs, "query and key").logit_diff
    pattern = HeadPatcher(model).run(pairs, "pattern").logit_diff
    np.testing.assert_allclose(together, pattern, atol=1e-5)


def test_the_benchmark_refuses_what_transformer_lens_has_no_function_for(new_types):
    assert activation_of("output") == "z"
    with pytest.raises(ValueError, match="replaces k and v: TransformerLens's"):
        activation_of("key and value")
