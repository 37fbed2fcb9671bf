"""The cache gives back what the model computed, and refuses what it cannot read."""

import json

import numpy as np
import pytest
import torch

from head_patching.patching.cache import NAMES, manifest_path, read_cache, write_cache
from head_patching.patching.experiment import HeadPatcher
from tests.architectures import random_pairs


@pytest.fixture
def cache(prepared, tmp_path):
    model, _ = prepared
    path = tmp_path / "000.safetensors"
    write_cache(path, model, random_pairs(seed=60), 1, 3)
    return path


def test_a_file_holds_both_runs_of_its_own_pairs(prepared, cache):
    model, _ = prepared
    pairs = random_pairs(seed=60)
    seen = []
    for batch in read_cache(cache, pairs, model):
        seen += batch.indices
        for run in ("clean", "corrupt"):
            tokens = [getattr(pairs[index], f"{run}_tokens") for index in batch.indices]
            expected = model.run(torch.tensor(tokens))
            for name in NAMES:
                stored = getattr(getattr(batch, run), name)
                torch.testing.assert_close(
                    stored, getattr(expected, name), rtol=1e-4, atol=1e-4
                )
    assert sorted(seen) == [1, 2, 3]


def test_patching_from_the_cache_equals_patching_without(prepared, tmp_path):
    model, _ = prepared
    pairs = random_pairs(seed=61)
    paths = [tmp_path / "000.safetensors", tmp_path / "001.safetensors"]
    for number, path in enumerate(paths):
        write_cache(path, model, pairs, 3 * number, 3)
    batches = (batch for path in paths for batch in read_cache(path, pairs, model))
    cached = HeadPatcher(model).run(pairs, "q", batches=batches)
    direct = HeadPatcher(model).run(pairs, "q")
    np.testing.assert_allclose(cached.logit_diff, direct.logit_diff, atol=1e-5)


def test_damaged_and_missing_files_are_one_line(cache):
    whole = cache.read_bytes()
    cache.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="its SHA-256 is not that in its manifest"):
        list(read_cache(cache, random_pairs(seed=60)))
    manifest = manifest_path(cache)
    record = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(record | {"schema_version": 99}))
    with pytest.raises(ValueError, match="schema version 99"):
        list(read_cache(cache, random_pairs(seed=60)))
    manifest.write_text("{")
    with pytest.raises(ValueError, match="is not JSON, or damaged"):
        list(read_cache(cache, random_pairs(seed=60)))
    manifest.unlink()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        list(read_cache(cache, random_pairs(seed=60)))


def test_a_single_other_bit_is_noticed(cache):
    whole = bytearray(cache.read_bytes())
    whole[-5] ^= 1
    cache.write_bytes(whole)
    with pytest.raises(ValueError, match="its SHA-256 is not that in its manifest"):
        list(read_cache(cache, random_pairs(seed=60)))


def test_a_file_of_other_prompts_or_another_model_is_refused(prepared, cache):
    model, _ = prepared
    pairs = random_pairs(seed=60)
    for others in (random_pairs(seed=59), pairs.select([0, 1, 2])):
        with pytest.raises(ValueError, match="of other prompts than those given"):
            list(read_cache(cache, others))
    manifest = manifest_path(cache)
    record = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(record | {"model": "another"}))
    with pytest.raises(ValueError, match="activations of another, not of"):
        list(read_cache(cache, pairs, model))


def test_an_empty_file_is_refused(prepared, tmp_path):
    with pytest.raises(ValueError, match="there are 5 pairs"):
        write_cache(tmp_path / "9.safetensors", prepared[0], random_pairs(0), 5, 3)
    assert list(tmp_path.iterdir()) == []
