"""A build against its own reference, and against one that it does not equal."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Workspace

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def own_values(built: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The claims, with the values of the build."""
    folder = tmp_path_factory.mktemp("reference")
    shutil.copy(ROOT / "reference/claims.yaml", folder)
    update = built.head_patching("update-reference", "--reference", str(folder))
    assert update.returncode == 0, update.stderr
    assert "absent ->" in update.stdout
    return folder


@pytest.fixture
def reference(own_values: Path, tmp_path: Path) -> Path:
    """A copy of these, which a test may change."""
    return shutil.copytree(own_values, tmp_path / "reference")


def test_an_updated_reference_needs_no_update(
    built: Workspace, reference: Path
) -> None:
    again = built.head_patching("update-reference", "--reference", str(reference))
    assert "\n0 values and settings changed" in again.stdout


def test_a_build_reproduces_itself(built: Workspace, reference: Path) -> None:
    verify = built.head_patching("verify", "--reference", str(reference))
    assert verify.returncode == 0, verify.stdout
    assert "claims hold" in verify.stdout


def test_an_altered_result_is_named(built: Workspace, reference: Path) -> None:
    effects = built.folder / "results/planted-gpt2-redundant/ioi/s2_io_flip/effects.csv"
    before = effects.read_bytes()
    table = pd.read_csv(effects)
    table.loc[7, "effect"] += 0.001
    table.to_csv(effects, index=False)
    try:
        verify = built.head_patching("verify", "--reference", str(reference))
    finally:
        effects.write_bytes(before)
    assert verify.returncode == 1
    assert "not reproduced: ioi-effects (1 of" in verify.stdout
    assert (
        "changed after it was written: results/planted-gpt2-redundant/ioi"
        in verify.stdout
    )


def test_the_rule_fails_when_a_claim_does(built: Workspace, reference: Path) -> None:
    table = pd.read_csv(reference / "effects.csv")
    table.loc[7, table.columns[-1]] += 0.001
    table.to_csv(reference / "effects.csv", index=False)
    own = built.folder / "reference"
    shutil.copytree(own, reference / "own")
    try:
        for file in reference.glob("*.*"):
            shutil.copyfile(file, own / file.name)
        run = built.run("verify", check=False)
    finally:
        shutil.rmtree(own)
        shutil.copytree(reference / "own", own)
        (built.folder / "results/claims.csv").unlink(missing_ok=True)
    assert "not reproduced: " in run
    assert "Error in rule verify" in run


def test_other_settings_are_no_reproduction(built: Workspace) -> None:
    verify = built.head_patching("verify")
    assert verify.returncode == 1
    assert "was not made with the settings of reference" in verify.stderr
    assert "tasks.ioi.n_pairs is" in verify.stderr


def test_a_number_is_traced(built: Workspace) -> None:
    key = "ioi/denoising/output/top-effect"
    traced = built.head_patching("trace", key)
    assert traced.returncode == 0, traced.stderr
    assert f"{key} = " in traced.stdout
    assert "rule        summarise_effects" in traced.stdout
    assert "patching/denoising_output.nc  sha256" in traced.stdout


def test_every_number_traces_to_files_that_rules_make(built: Workspace) -> None:
    folder = built.folder / "results"
    numbers = pd.read_csv(folder / "numbers.csv", dtype=str, keep_default_na=False)
    # Where a number comes from depends on its files alone: one of each set.
    keys = numbers.drop_duplicates("files")["key"]
    traced = built.head_patching("trace", *keys)
    assert traced.returncode == 0, traced.stderr
    assert traced.stdout.count(" = ") >= len(keys) > 10
    assert "rule        none" not in traced.stdout
    files = {file for row in numbers["files"] for file in row.split()}
    assert all((built.folder / file).is_file() for file in files)


def test_an_unpacked_archive_is_built_and_can_be_built_anew(
    built: Workspace, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=built.folder, check=True)
    try:
        packed = built.head_patching("archive", "--out", str(tmp_path / "a.tar.gz"))
    finally:
        shutil.rmtree(built.folder / ".git")
    assert packed.returncode == 0, packed.stderr
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        archive.extractall(tmp_path / "out", filter="data")
    (top,) = (tmp_path / "out").iterdir()
    unpacked = Workspace(top, built.config)
    assert {"results/paper/chapter.pdf", "results/figures/ioi/circuit.png"} <= {
        f"results/{name}" for name in unpacked.results()
    }
    assert unpacked.planned() == set()
    shutil.rmtree(top / "results")
    assert {"prepare_model", "patch_heads", "typeset_chapter"} <= unpacked.planned()
