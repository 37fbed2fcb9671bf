"""`head-patching patch` by hand: with and without a cache, at any position."""

import numpy as np
import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.commands.patch import positions_asked_for
from head_patching.patching.experiment import HeadPatcher
from head_patching.results import read_dataset
from tests.architectures import random_pairs


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


def test_what_position_options_mean():
    assert positions_asked_for([]) == "all"
    assert positions_asked_for(["each"]) == "each"
    assert positions_asked_for(["S1+1", "12"]) == ["S1+1", 12]
