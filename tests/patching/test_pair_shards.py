"""Shards are cut between batches, and gathered they are the run that was not cut."""

from itertools import chain

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from head_patching.files.datasets import read_dataset
from head_patching.files.writing import write_dataset
from head_patching.patching.cache import read_cache, stored_batches, write_cache
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.pair_shards import Shard, cut, gather
from tests.architectures import random_pairs

# Four shapes; the pairs of one shape stand apart, in both files of the cache.
LENGTHS = (7, 9, 7, 8, 7, 9, 11, 7, 8, 9, 7)
N_PAIRS, PAIRS_PER_FILE = len(LENGTHS), 6


@pytest.fixture
def cached(prepared, tmp_path):
    """A model, pairs, and the two files of their cache."""
    model, _ = prepared
    pairs = random_pairs(seed=62, lengths=LENGTHS)
    files = [tmp_path / "cache" / f"{number:03d}.safetensors" for number in range(2)]
    for number, path in enumerate(files):
        write_cache(path, model, pairs, PAIRS_PER_FILE * number, PAIRS_PER_FILE)
    return model, pairs, files


def patch(cached, shard=None, n_patched=N_PAIRS, **options):
    """Patched runs of the first pairs, or of a shard of them, read from a file."""
    model, pairs, files = cached
    stored = [batch for path in files for batch in stored_batches(path)]
    pair_indices = range(n_patched)
    if shard:
        pair_indices = shard.pairs(stored, len(pairs), n_patched)
    batches = (
        batch
        for path in files
        for batch in read_cache(path, pairs, model, pair_indices)
    )
    patcher = HeadPatcher(model)
    patched = patcher.run(pairs, **options, batches=batches, pair_indices=pair_indices)
    if shard:
        patched.attrs["shard"] = str(shard)
    return written(patched, files[0].with_name("patched.nc"))[1]


def written(dataset, path):
    """The bytes of a result's file, and what is read from it."""
    write_dataset(path, dataset)
    return path.read_bytes(), read_dataset(path)


@pytest.mark.parametrize(
    ("counts", "options"),
    [
        ((1, 2, 3, 8, 13), {}),
        ((3,), {"patch_type": "pattern", "positions": ["S2", "END"]}),
        ((2,), {"patch_type": "k", "positions": "each", "direction": "noising"}),
        ((2,), {"patch_type": "v", "metrics": ("kl", "probability")}),
        ((2, 8), {"patch_type": "q", "n_patched": 5}),
    ],
    ids=["all", "named", "each", "metrics", "first"],
)
def test_shards_gathered_are_the_bytes_of_the_whole(cached, tmp_path, counts, options):
    expected = written(patch(cached, **options), tmp_path / "whole.nc")[0]
    # 8 batches; of 13 shards, more than there are pairs, five are empty.
    for count in counts:
        shards = [patch(cached, Shard(n + 1, count), **options) for n in range(count)]
        path = tmp_path / f"{count}.nc"
        assert written(gather(shards[::-1]), path)[0] == expected, f"{count} shards"


def test_a_shard_has_its_own_pairs_only(cached):
    shard, whole = patch(cached, Shard(2, 3), patch_type="q"), patch(cached)
    assert 0 < shard.sizes["pair"] < len(LENGTHS)
    chosen = patch(cached, patch_type="q").sel(pair=shard.pair)
    np.testing.assert_array_equal(shard.logit_diff, chosen.logit_diff)
    assert shard.attrs == whole.attrs | {"patch_type": "q", "shard": "2/3"}


def test_the_first_pairs_are_patched_as_among_all(cached):
    first, whole = patch(cached, n_patched=5), patch(cached)
    assert first.pair.values.tolist() == [*range(5)]
    np.testing.assert_allclose(first.logit_diff, whole.logit_diff[..., :5], atol=1e-5)
    assert first.template.equals(whole.template[:5])


def test_shards_need_the_whole_cache(cached):
    model, pairs, files = cached
    with pytest.raises(ValueError, match="hold 6 pairs, but not each of the 11"):
        patch((model, pairs, files[:1]), Shard(1, 2))
    with pytest.raises(ValueError, match="expected batches"):
        HeadPatcher(model).run(pairs, pair_indices=[0])


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "3", "a/b", "1/2/3", "-1/2", ""])
def test_what_is_no_shard_is_named(text):
    with pytest.raises(ValueError, match=r"shard .*: expected its number and their"):
        Shard.parse(text)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    count=st.integers(1, 12),
)
def test_cuts_are_between_batches_and_even(sizes, count):
    starts = np.cumsum([0, *sizes])
    batches = [
        list(range(start, start + n)) for start, n in zip(starts, sizes, strict=False)
    ]
    shards = cut(batches, count)
    assert len(shards) == count
    assert [*chain.from_iterable(shards)] == list(range(sum(sizes)))
    for batch in batches:
        assert sum(not set(batch).isdisjoint(shard) for shard in shards) == 1
    n_filled = sum(map(bool, shards))
    assert n_filled == min(count, len(batches))
    # Nobody waits for a shard that is more than one batch larger than its fair part.
    assert max(map(len, shards)) <= sum(sizes) / count + max(sizes)


def shard_of(pairs, number, count, **attributes):
    """Results of two pairs and one head."""
    values = {"logit_diff": (("head", "pair"), [[float(pair) for pair in pairs]])}
    attributes = {"patch_type": "q", "shard": f"{number}/{count}"} | attributes
    return xr.Dataset(values, {"head": [0], "pair": pairs}, attributes)


def test_shards_that_do_not_belong_together_are_refused():
    one, two = shard_of([0, 2], 1, 2), shard_of([1, 3], 2, 2)
    assert gather([two, one]).logit_diff.values.tolist() == [[0.0, 1.0, 2.0, 3.0]]
    assert gather([two, one]).attrs == {"patch_type": "q"}
    for shards in ([], [one], [one, one], [one, two, two], [one.drop_attrs(), two]):
        with pytest.raises(ValueError, match="expected each shard of one run once"):
            gather(shards)
    other_run = shard_of([1, 3], 2, 2, patch_type="k")
    other_heads = two.assign_coords(head=[5])
    for other in (other_run, other_heads):
        with pytest.raises(ValueError, match="2/2 is of another run than shard 1/2"):
            gather([one, other])
    with pytest.raises(ValueError, match="cut from different caches"):
        gather([one, shard_of([1, 2], 2, 2)])
