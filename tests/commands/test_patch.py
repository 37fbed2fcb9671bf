"""`head-patching patch` by hand: with and without a cache, at any position."""

import numpy as np
import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.commands.patch import positions_of
from head_patching.files.datasets import read_dataset
from head_patching.files.writing import write_table
from head_patching.patching.cache import write_cache
from head_patching.patching.experiment import HeadPatcher
from head_patching.terms import DIRECTIONS
from tests.architectures import random_pairs
from tests.tables import made

HEADS = [[0, 1], [2, 3]]


@pytest.fixture
def patched(prepared, tmp_path):
    """Runs the command on the model's folder and reads what it wrote."""
    model, _ = prepared
    pairs = random_pairs(seed=5)
    pairs.write(tmp_path / "pairs.jsonl")

    def run(*options):
        arguments = [
            "--traceback", "patch", "--model-folder", model.folder, "--pairs",
            tmp_path / "pairs.jsonl", "--out", tmp_path / "out.nc", *options,
        ]  # fmt: skip
        words = [str(word) for word in arguments]
        CliRunner().invoke(app, words, catch_exceptions=False)
        return read_dataset(tmp_path / "out.nc")

    return run, model, pairs


def test_runs_are_computed_when_no_cache_is_given(patched):
    run, model, pairs = patched
    obtained = run("--patch-type", "q", "--direction", "noising")
    expected = HeadPatcher(model).run(pairs, "q", "noising")
    np.testing.assert_allclose(obtained.logit_diff, expected.logit_diff, atol=1e-5)


def test_only_the_first_pairs_are_patched_with_and_without_a_cache(patched, tmp_path):
    run, model, pairs = patched
    write_cache(tmp_path / "000.safetensors", model, pairs, 0, len(pairs))
    expected = HeadPatcher(model).run(pairs, "v").isel(pair=range(2))
    for cache in ([], [tmp_path / "000.safetensors"]):
        obtained = run(
            "--patch-type", "v", "--direction", "denoising", "--n-pairs", 2, *cache
        )
        np.testing.assert_array_equal(obtained.pair, [0, 1])
        np.testing.assert_allclose(obtained.logit_diff, expected.logit_diff, atol=1e-5)


def test_positions_by_name_by_number_and_each(patched):
    run, model, pairs = patched
    output = ("--patch-type", "output", "--direction", "denoising")
    listed = run(*output, "--position", "S2", "--position", "3")
    assert listed.position.values.tolist() == ["S2", "3"]
    each = run(*output, "--position", "each")
    expected = HeadPatcher(model).run(pairs, positions="each")
    np.testing.assert_allclose(each.logit_diff, expected.logit_diff, atol=1e-5)
    np.testing.assert_array_equal(
        listed.logit_diff.sel(position="3"), each.logit_diff.sel(position="3")
    )


def test_screening_refuses_a_cache(patched, tmp_path):
    run, _, _ = patched
    with pytest.raises(ValueError, match="expected no cache"):
        run(
            "--patch-type", "output", "--direction", "denoising", "--screen",
            tmp_path / "000.safetensors",
        )  # fmt: skip


def test_shards_are_gathered_into_the_file_of_the_whole(patched, tmp_path):
    run, model, pairs = patched
    cache = tmp_path / "000.safetensors"
    write_cache(cache, model, pairs, 0, len(pairs))
    output = ("--patch-type", "output", "--direction", "denoising", "--threads", 2)
    run(*output, cache)
    whole = (tmp_path / "out.nc").read_bytes()
    shards = [tmp_path / f"{number}-of-2.nc" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        run(*output, "--shard", f"{number}/2", cache)
        (tmp_path / "out.nc").rename(shard)
    words = map(str, ["gather-shards", "--out", tmp_path / "gathered.nc", *shards])
    CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert (tmp_path / "gathered.nc").read_bytes() == whole
    assert "1-of-2.nc" in (tmp_path / "gathered.run.json").read_text()


def test_chosen_heads_are_patched_in_both_directions_and_in_shards(patched, tmp_path):
    _, model, pairs = patched
    cache = tmp_path / "000.safetensors"
    write_cache(cache, model, pairs, 0, len(pairs))
    given = ["--model-folder", model.folder, "--pairs", tmp_path / "pairs.jsonl"]
    files = {name: tmp_path / f"{name}.nc" for name in ("estimates", *DIRECTIONS)}
    chosen = tmp_path / "chosen_heads.csv"
    write_table("chosen_heads", chosen, made("chosen_heads", "layer head", HEADS))

    def call(*words):
        arguments = ["--traceback", *map(str, words)]
        CliRunner().invoke(app, arguments, catch_exceptions=False)

    call("estimate-effects", *given, "--out", files["estimates"], cache)
    chosen_of = ("--chosen-heads", chosen, "--estimates", files["estimates"])
    for part in ("", "1-of-2", "2-of-2"):
        outs = []
        for direction in DIRECTIONS:
            path = tmp_path / part / f"{direction}.nc"
            outs += ["--direction", direction, "--out", path]
        shard = ["--shard", part.replace("-of-", "/")] if part else []
        call("patch", *given, "--patch-type", "v", *chosen_of, *shard, *outs, cache)
    for direction in DIRECTIONS:
        obtained = read_dataset(files[direction])
        whole = HeadPatcher(model).run(pairs, "v", direction)
        assert np.argwhere(obtained.confirmed.values == 1).tolist() == HEADS
        for layer, head in HEADS:
            np.testing.assert_allclose(
                obtained.logit_diff[layer, head], whole.logit_diff[layer, head],
                atol=1e-5,
            )  # fmt: skip
        shards = [tmp_path / f"{n}-of-2/{direction}.nc" for n in (1, 2)]
        call("gather-shards", "--out", tmp_path / "gathered.nc", *shards)
        assert (tmp_path / "gathered.nc").read_bytes() == files[direction].read_bytes()
        record = files[direction].with_suffix(".run.json").read_text()
        assert '"chosen_heads.csv"' in record


def test_each_direction_needs_its_file(patched, tmp_path):
    run, _, _ = patched
    with pytest.raises(ValueError, match="expected a file for each direction"):
        run("--patch-type", "v", "--direction", "denoising", "--direction", "noising")
    with pytest.raises(ValueError, match="go together"):
        run(
            "--patch-type", "v", "--direction", "denoising", "--estimates",
            tmp_path / "x.nc",
        )  # fmt: skip


def test_shards_are_refused_without_a_cache_or_screened(patched, tmp_path):
    run, _, _ = patched
    output = ("--patch-type", "output", "--direction", "denoising", "--shard", "1/2")
    with pytest.raises(ValueError, match="between the batches of the cache"):
        run(*output)
    with pytest.raises(ValueError, match="expected no cache"):
        run(*output, "--screen", tmp_path / "000.safetensors")
    assert not (tmp_path / "out.nc").exists()


def test_what_position_options_mean():
    assert positions_of([]) == "all"
    assert positions_of(["each"]) == "each"
    assert positions_of(["S1+1", "12"]) == ["S1+1", 12]
