"""A build against its own reference, and against one that it does not equal."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Workspace

pytestmark = pytest.mark.workflow


def head_patching(
    workspace: Workspace, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """What a subcommand prints in the workspace."""
    code = "from head_patching.cli import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=workspace.folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def reference(built: Workspace, tmp_path: Path) -> Path:
    """The claims, with the values of the quick build."""
    claims = (ROOT / "reference/claims.yaml").read_text(encoding="utf-8")
    (tmp_path / "claims.yaml").write_text(claims, encoding="utf-8")
    update = head_patching(built, "update-reference", "--reference", str(tmp_path))
    assert update.returncode == 0, update.stderr
    assert "absent ->" in update.stdout
    again = head_patching(built, "update-reference", "--reference", str(tmp_path))
    assert "\n0 values and settings changed" in again.stdout
    return tmp_path


def test_a_build_reproduces_itself(built: Workspace, reference: Path) -> None:
    verify = head_patching(built, "verify", "--reference", str(reference))
    assert verify.returncode == 0, verify.stdout
    assert "claims hold" in verify.stdout


def test_an_altered_result_is_named(built: Workspace, reference: Path) -> None:
    effects = built.folder / "results/smollm2-135m/ioi/s2_io_flip/effects.csv"
    before = effects.read_bytes()
    table = pd.read_csv(effects)
    table.loc[7, "effect"] += 0.001
    table.to_csv(effects, index=False)
    try:
        verify = head_patching(built, "verify", "--reference", str(reference))
    finally:
        effects.write_bytes(before)
    assert verify.returncode == 1
    assert "not reproduced: ioi-effects (1 of" in verify.stdout
    assert "changed after it was written: results/smollm2-135m/ioi" in verify.stdout


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
    verify = head_patching(built, "verify")
    assert verify.returncode == 1
    assert "was not made with the settings of reference" in verify.stderr
    assert "tasks.ioi.n_pairs is" in verify.stderr


def test_a_number_is_traced(built: Workspace) -> None:
    key = "ioi/denoising/output/top-effect"
    traced = head_patching(built, "trace", key)
    assert traced.returncode == 0, traced.stderr
    assert f"{key} = " in traced.stdout
    assert "rule        summarise_effects" in traced.stdout
    assert "patching/denoising_output.nc  sha256" in traced.stdout


def test_every_number_traces_to_files_that_rules_make(built: Workspace) -> None:
    folder = built.folder / "results"
    numbers = pd.read_csv(folder / "numbers.csv", dtype=str, keep_default_na=False)
    traced = head_patching(built, "trace", *numbers["key"])
    assert traced.returncode == 0, traced.stderr
    assert traced.stdout.count(" = ") >= len(numbers)
    assert "rule        none" not in traced.stdout
    files = {file for row in numbers["files"] for file in row.split()}
    assert all((built.folder / file).is_file() for file in files)


def test_an_unpacked_archive_is_built_and_can_be_built_anew(
    built: Workspace, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=built.folder, check=True)
    try:
        packed = head_patching(built, "archive", "--out", str(tmp_path / "a.tar.gz"))
    finally:
        shutil.rmtree(built.folder / ".git")
    assert packed.returncode == 0, packed.stderr
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        archive.extractall(tmp_path / "out", filter="data")
    (top,) = (tmp_path / "out").iterdir()
    unpacked = Workspace(top)
    assert {"results/paper/chapter.pdf", "results/figures/ioi/circuit.png"} <= {
        f"results/{name}" for name in unpacked.results()
    }
    assert unpacked.planned() == set()
    shutil.rmtree(top / "results")
    assert {"prepare_model", "patch_heads", "typeset_chapter"} <= unpacked.planned()
