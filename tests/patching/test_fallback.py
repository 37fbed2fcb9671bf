"""A model that fails the engine's checks is patched by hooks, and says so."""

import numpy as np
import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from head_patching.models.bridge import load_bridge
from head_patching.models.loading import load_model, prepare_model
from head_patching.patching.experiment import HeadPatcher
from tests.architectures import D_VOCAB, random_pairs, word_tokenizer
from tests.patching.test_sweep import reference_logit_diff


@pytest.fixture(scope="module")
def unsupported(tmp_path_factory):
    """A GPT-2 whose attention scores are divided by the layer's number as well."""
    folder = tmp_path_factory.mktemp("unsupported")
    model = GPT2LMHeadModel(
        GPT2Config(
            n_layer=3,
            n_head=4,
            n_embd=32,
            n_positions=32,
            vocab_size=D_VOCAB,
            scale_attn_by_inverse_layer_idx=True,
            initializer_range=0.4,
        )
    )
    model.save_pretrained(str(folder / "in"))
    word_tokenizer().save_pretrained(str(folder / "in"))
    prepare_model(str(folder / "in"), folder / "model")
    return load_model(folder / "model"), load_bridge(folder / "model" / "checkpoint")


def test_the_check_that_fails_is_named_and_hooks_take_over(unsupported):
    model, bridge = unsupported
    assert "residual" in model.failed_checks
    pairs = random_pairs(seed=50, lengths=(7, 9, 7))
    with pytest.warns(UserWarning, match="check of residual, logits.*hooks"):
        obtained = HeadPatcher(model).run(pairs, "q", "noising", ["S2", "END"])
    for label in ("S2", "END"):
        expected = reference_logit_diff(model, bridge, pairs, "q", "noising", label)
        values = obtained.logit_diff.sel(position=label).values
        np.testing.assert_allclose(values, expected, atol=1e-5)
    assert obtained.logit_diff.dims == ("layer", "head", "pair", "position")


def test_the_form_of_results_is_the_engines(unsupported, prepared):
    model, _ = unsupported
    pairs = random_pairs(seed=51, lengths=(7, 7))
    with pytest.warns(UserWarning, match="one forward pass per head"):
        by_hooks = HeadPatcher(model).run(pairs, metrics=("kl",), positions="each")
    by_engine = HeadPatcher(prepared[0]).run(pairs, metrics=("kl",), positions="each")
    assert by_hooks.logit_diff.dims == by_engine.logit_diff.dims
    assert set(by_hooks.variables) == set(by_engine.variables)
    assert set(by_hooks.attrs) == set(by_engine.attrs)
