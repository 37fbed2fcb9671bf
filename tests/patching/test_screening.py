"""Screening confirms what it says, marks the rest, and bounds what was missed."""

import numpy as np
import pytest

from head_patching.patching import screening
from head_patching.patching.attribution import estimate_effects
from head_patching.patching.experiment import HeadPatcher
from tests.architectures import random_pairs


@pytest.fixture
def pairs():
    """Pairs whose answers are far apart in the clean and the corrupt run."""
    return random_pairs(seed=70, n_changed=2)


def screened_and_exact(model, pairs, monkeypatch, threshold):
    monkeypatch.setattr(screening, "CONFIRMED_AT_ONCE", 3)
    monkeypatch.setattr("head_patching.patching.effects.SMALLEST_DENOMINATOR", -np.inf)
    screened = screening.screen_heads(model, pairs, threshold=threshold)
    return screened, HeadPatcher(model).run(pairs)


def test_confirmed_heads_are_exact_and_the_others_estimates(
    prepared, pairs, monkeypatch
):
    model, _ = prepared
    screened, exact = screened_and_exact(model, pairs, monkeypatch, threshold=1e9)
    confirmed = screened.confirmed.values.astype(bool)
    assert confirmed.sum() == 3
    np.testing.assert_allclose(
        screened.logit_diff.values[confirmed], exact.logit_diff.values[confirmed],
        atol=1e-5,
    )  # fmt: skip
    estimated = estimate_effects(model, pairs).estimated_logit_diff.values
    np.testing.assert_array_equal(
        screened.logit_diff.values[~confirmed], estimated[~confirmed]
    )
    assert screened.attrs["missed_bound"] > 0


def test_confirmation_goes_on_until_a_batch_is_below_the_threshold(
    prepared, pairs, monkeypatch
):
    model, _ = prepared
    screened, exact = screened_and_exact(model, pairs, monkeypatch, threshold=0.0)
    assert screened.confirmed.values.all()
    assert "missed_bound" not in screened.attrs
    np.testing.assert_allclose(screened.logit_diff, exact.logit_diff, atol=1e-5)


def test_the_remaining_heads_together_are_patched_exactly(prepared, pairs, monkeypatch):
    """Against hooks on all of them at once."""
    from head_patching.patching.effects import normalised_effect
    from tests.patching.test_head_sets import hooked_logits

    model, bridge = prepared
    pairs = pairs.select([0, 2, 3])  # of one length
    screened, exact = screened_and_exact(model, pairs, monkeypatch, threshold=1e9)
    remaining = np.argwhere(screened.confirmed.values == 0).tolist()
    import torch

    clean = torch.tensor([pair.clean_tokens for pair in pairs])
    corrupt = torch.tensor([pair.corrupt_tokens for pair in pairs])
    _, cache = bridge.run_with_cache(clean)
    z = [cache[f"blocks.{layer}.attn.hook_z"] for layer in range(3)]
    logits = hooked_logits(bridge, corrupt, z, [tuple(head) for head in remaining])
    together = exact.isel(layer=[0], head=[0]).copy(deep=True)
    for row, pair in enumerate(pairs):
        difference = (
            logits[row, pair.answer_token] - logits[row, pair.wrong_answer_token]
        )
        together.logit_diff[0, 0, row] = float(difference)
    expected = float(normalised_effect(together).values[0, 0])
    assert screened.attrs["remaining_effect"] == pytest.approx(expected, abs=1e-4)


def sets_and_effects(own_effects, seed=0, n_sets=10):
    """Random sets, their effects and their complements', when effects add up."""
    generator = np.random.default_rng(seed)
    inside = screening.random_sets(len(own_effects), n_sets, generator)
    return inside @ own_effects, ~inside @ own_effects, inside


def test_a_strong_missed_head_shows_in_the_bound():
    weak = np.random.default_rng(1).normal(0, 0.001, size=30)
    strong = weak.copy()
    strong[7] = 0.5
    assert screening.main_effect_bound(*sets_and_effects(weak)) < 0.05
    assert screening.main_effect_bound(*sets_and_effects(strong)) > 0.5


def test_an_effect_that_all_remaining_heads_share_shows_in_the_bound():
    for seed in range(20):
        effects = sets_and_effects(np.full(30, 0.1), seed)
        assert screening.main_effect_bound(*effects) > 0.1


def test_one_remaining_heads_effect_is_the_bound():
    """Its set is either empty or full, and so is the complement."""
    for seed in range(5):
        effects = sets_and_effects(np.array([-0.3]), seed)
        assert screening.main_effect_bound(*effects) == pytest.approx(0.3)


def test_a_wrong_direction_is_refused(prepared, pairs):
    with pytest.raises(ValueError, match=r"denoise.*denoising"):
        screening.screen_heads(prepared[0], pairs, direction="denoise")
