"""Models run by transformers' own modules, patched: against plain transformers."""

import numpy as np
import pytest

from head_patching.models.loading import load_model, prepare_model
from head_patching.models.own_forward import load_own
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.own_reference import own_reference_logits
from head_patching.terms import DIRECTIONS, PATCH_TYPES
from tests.architectures import random_pairs
from tests.decoders import KINDS, save_decoder
from tests.patching import swept

TOLERANCE = 1e-4  # logit


@pytest.fixture(scope="module", params=KINDS)
def decoder(request, tmp_path_factory):
    """The prepared model, and transformers' model of the same checkpoint."""
    root = tmp_path_factory.mktemp("decoder")
    save_decoder(*KINDS[request.param], root / "in")
    record = prepare_model(str(root / "in"), root / "model")
    assert record["provenance"]["check"]["failed"] == []
    return load_model(root / "model"), load_own(root / "in")


def expected_logit_diff(model, own, pairs, patch_type, direction, label=None):
    """logit_diff [layer head pair] by plain transformers."""

    def by_transformers(base, source, heads, mask):
        return own_reference_logits(own, base, source, heads, patch_type, mask)

    return swept.reference_logit_diff(model, pairs, direction, by_transformers, label)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_every_head_equals_plain_transformers(decoder, patch_type, direction):
    model, own = decoder
    pairs = random_pairs(seed=1, lengths=(7, 9, 7), n_changed=2)
    obtained = HeadPatcher(model).run(pairs, patch_type, direction)
    expected = expected_logit_diff(model, own, pairs, patch_type, direction)
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(obtained.logit_diff.values - expected).max() < TOLERANCE * scale
    base = {"denoising": "corrupt", "noising": "clean"}[direction]
    unpatched = obtained[f"{base}_logit_diff"].values
    moved = np.abs(expected - unpatched).max(axis=2) > 10 * TOLERANCE
    assert moved.mean() > 0.5


@pytest.mark.parametrize("patch_type", PATCH_TYPES)
def test_only_each_prompts_own_position(decoder, patch_type):
    model, own = decoder
    pairs = random_pairs(seed=2, lengths=(7, 9, 7), n_changed=2)
    obtained = HeadPatcher(model).run(pairs, patch_type, "denoising", ["S2", "END"])
    for label in ("S2", "END"):
        expected = expected_logit_diff(
            model, own, pairs, patch_type, "denoising", label
        )
        difference = obtained.logit_diff.sel(position=label).values - expected
        scale = max(1.0, np.abs(expected).max())
        assert np.abs(difference).max() < TOLERANCE * scale
