"""Pairs of several lengths in one batch: as if each were run and patched by itself."""

import pytest
import torch
import xarray as xr

from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.padded import by_length, run_together
from head_patching.patching.runs import run_pairs
from head_patching.terms import PATCH_TYPES
from tests.architectures import random_pairs


def test_pairs_of_any_length_run_together_as_they_run_apart(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=5, lengths=(7, 9, 7, 8, 9), n_changed=2)
    (together,) = run_together(model, pairs, pairs_per_batch=5)
    assert together.indices == [0, 2, 3, 1, 4]
    assert together.padding == [2, 2, 1, 0, 0]
    assert together.firsts == [4, 4, 3, 2, 2]
    apart = list(run_pairs(model, pairs, pairs_per_batch=5))
    for obtained, expected in zip(by_length(together), apart, strict=True):
        assert obtained.indices == expected.indices
        assert obtained.firsts == expected.firsts
        assert obtained.padding == [0] * len(expected.indices)
        for name in ("clean", "corrupt"):
            assert_same_run(getattr(obtained, name), getattr(expected, name))


def assert_same_run(obtained, expected):
    for name, tensor in expected.by_layer():
        torch.testing.assert_close(
            getattr(obtained, name), tensor, rtol=1e-4, atol=1e-4
        )
    torch.testing.assert_close(
        obtained.final_logits, expected.final_logits, rtol=1e-4, atol=1e-4
    )


def test_padding_is_read_by_nothing(prepared, monkeypatch):
    model, _ = prepared
    pairs = random_pairs(seed=6, lengths=(5, 9))
    (before,) = run_together(model, pairs, pairs_per_batch=2)
    monkeypatch.setattr("head_patching.patching.padded.PADDING", 17)
    (after,) = run_together(model, pairs, pairs_per_batch=2)
    assert not torch.equal(before.clean.resid_pre, after.clean.resid_pre)
    for one, other in zip(by_length(before), by_length(after), strict=True):
        for name, tensor in one.clean.by_layer():
            assert torch.equal(tensor, getattr(other.clean, name))


def test_runs_are_the_very_same_before_they_differ(prepared):
    """A patch there must add exactly nothing."""
    model, _ = prepared
    pairs = random_pairs(seed=7, lengths=(8, 9, 9), first=4)
    (batch,) = run_together(model, pairs, pairs_per_batch=3)
    for row, first in enumerate(batch.firsts):
        for name in ("resid_pre", "q", "k", "v", "z"):
            clean, corrupt = getattr(batch.clean, name), getattr(batch.corrupt, name)
            assert torch.equal(clean[:, row, :first], corrupt[:, row, :first])
        clean, corrupt = batch.clean.pattern[:, row], batch.corrupt.pattern[:, row]
        assert torch.equal(clean[:, :, :first], corrupt[:, :, :first])
        assert not torch.equal(clean, corrupt)


def test_prompts_may_differ_from_their_first_token_on(prepared):
    """The base run then has no keys before the first patched position."""
    model, _ = prepared
    pairs = random_pairs(seed=9, lengths=(7, 9), first=0)
    apart, together = (
        HeadPatcher(model).run(pairs, batches=run(model, pairs, 2))
        for run in (run_pairs, run_together)
    )
    xr.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("patch_type", PATCH_TYPES)
@pytest.mark.parametrize("positions", ["all", ["S2", "END"]])
def test_patches_do_not_see_the_padding(prepared, patch_type, positions):
    model, _ = prepared
    pairs = random_pairs(seed=8, lengths=(7, 9, 7, 8), n_changed=4)
    apart, together = (
        HeadPatcher(model).run(
            pairs, patch_type, positions=positions, batches=run(model, pairs, 4)
        )
        for run in (run_pairs, run_together)
    )
    xr.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-4)
    assert (abs(apart.logit_diff - apart.corrupt_logit_diff) > 1e-3).any()
