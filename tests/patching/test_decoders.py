"""Models run by transformers' own modules, patched: against plain transformers."""

import numpy as np
import pytest
import torch

from head_patching.models.loading import load_model, prepare_model
from head_patching.models.own_forward import load_own
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.own_reference import own_reference_logits
from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import group_pairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES
from tests.architectures import random_pairs
from tests.decoders import KINDS, save_decoder

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
    config = model.config
    expected = np.empty((config.n_layers, config.n_heads, len(pairs)))
    for members in group_pairs(pairs).values():
        base, source = run_tokens(pairs, members, direction)
        mask = None
        if label is not None:
            mask = torch.zeros_like(base, dtype=torch.bool)
            for row, index in enumerate(members):
                mask[row, pairs[index].positions[label]] = True
        logits = own_reference_logits(own, base, source, config.heads, patch_type, mask)
        for row, index in enumerate(members):
            pair = pairs[index]
            diff = logits[:, row, pair.answer_token]
            diff = diff - logits[:, row, pair.wrong_answer_token]
            expected[:, :, index] = diff.view(config.n_layers, config.n_heads).numpy()
    return expected


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
