"""The same results wherever a model computes, and with whatever precision."""

from contextlib import contextmanager
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
import torch

from head_patching.models.devices import DEVICES, find_device, find_dtype
from head_patching.models.transformer import Model
from head_patching.patching.cache import read_cache, write_cache
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.paths import Receivers, path_effects
from head_patching.patching.runs import run_pairs
from head_patching.roles.evidence import measure_evidence
from head_patching.tasks import find_task
from head_patching.terms import DIRECTIONS, PATCH_TYPES
from tests.architectures import prepared as prepared
from tests.architectures import random_pairs
from tests.planted_models import planted_model

# Float32 rounding, in units of logit_diff: what the self-check allows, too.
TOLERANCE = 1e-4

GPU = next((name for name in ("cuda", "mps") if name == find_device("auto")), None)


PAIRS = random_pairs(seed=5, n_changed=2)


def everything(model: Model) -> dict[str, np.ndarray]:
    """One number for each head and pair, by every way that the engine computes any."""
    patcher = HeadPatcher(model)
    found = {}
    for patch_type, direction in product(PATCH_TYPES, DIRECTIONS):
        run = patcher.run(PAIRS, patch_type, direction)
        found[f"{direction} {patch_type}"] = run.logit_diff
    at_each = patcher.run(
        PAIRS, positions="each", metrics=("logit_diff", "probability", "kl")
    )
    found |= {name: at_each[name] for name in ("logit_diff", "probability", "kl")}
    receivers = Receivers("k", [(1, 0), (1, 1)], "S2")
    for receiving in ("logits", receivers):
        paths = path_effects(model, PAIRS, "noising", receiving)
        found[f"path to {receiving}"] = paths.logit_diff
    return {name: values.values for name, values in found.items()}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.isfinite(values).any(), name
        np.testing.assert_allclose(found[name], values, atol=TOLERANCE, err_msg=name)


def test_double_precision_differs_by_rounding_alone(prepared):
    model, _ = prepared
    exact = model.to("cpu", torch.float64)
    assert exact.layers[0].W_QKV.dtype == exact.run(torch.tensor([[1, 2]])).z.dtype
    assert exact.W_E.dtype == torch.float64
    assert_same(everything(model), everything(exact))


@contextmanager
def workers_in_this_thread():
    """What `workers` does, where a default device of this thread holds."""

    def run_all(work, chunks):
        for chunk in chunks:
            work(chunk)

    yield run_all


def test_no_tensor_is_made_elsewhere_than_the_model_is(prepared):
    """Whatever does not say where it belongs lands on a device without values."""
    model, _ = prepared
    expected = everything(model)
    with (
        patch("head_patching.patching.experiment.workers", workers_in_this_thread),
        patch("head_patching.patching.paths.workers", workers_in_this_thread),
        torch.device("meta"),
    ):
        found = everything(model)
    assert_same(found, expected)


@pytest.mark.skipif(GPU is None, reason="no graphics processor here")
def test_a_graphics_processor_says_the_same(prepared, tmp_path):
    model, _ = prepared
    there = model.to(GPU, torch.float32)
    assert there.device.type == GPU
    assert_same(everything(there), everything(model))
    # A cache written on one device is read on the other.
    expected = HeadPatcher(model).run(PAIRS).logit_diff
    for writer, reader in ((model, there), (there, model)):
        path = tmp_path / f"{writer.device.type}.safetensors"
        write_cache(path, writer, PAIRS, 0, len(PAIRS))
        batches = read_cache(path, PAIRS, reader)
        found = HeadPatcher(reader).run(PAIRS, batches=batches).logit_diff
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.skipif(GPU is None, reason="no graphics processor here")
def test_evidence_is_the_same_on_a_graphics_processor():
    model = planted_model("llama")
    pairs = find_task("ioi").build(model.tokenizer, 6, "s2_io_flip", seed=1)

    def evidence(of: Model):
        batches = (
            (batch.indices, batch.clean, batch.corrupt)
            for batch in run_pairs(of, pairs, 6)
        )
        return measure_evidence(of, pairs, batches, seed=1)

    there = evidence(model.to(GPU, torch.float32))
    for found, expected in zip(there, evidence(model), strict=True):
        assert found.criterion == expected.criterion
        np.testing.assert_allclose(found.values, expected.values, atol=TOLERANCE)


def test_auto_is_a_device_that_computes():
    assert find_device("auto") in DEVICES
    assert torch.ones(2, device=find_device("auto")).sum() == 2
    assert find_device("cpu") == "cpu"


def test_names_that_are_no_device_or_dtype_here():
    with pytest.raises(ValueError, match=r"unknown device 'gpu': .*allowed: auto, cpu"):
        find_device("gpu")
    with pytest.raises(ValueError, match=r"unknown dtype 'float23': allowed: float32"):
        find_dtype("float23")
    with (
        patch("torch.cuda.is_available", return_value=False),
        pytest.raises(ValueError, match=r"'cuda' is not available .* here: cpu"),
    ):
        find_device("cuda")
