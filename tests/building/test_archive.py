"""The archive: what is in it, that its bytes are fixed, and what it says of itself."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from head_patching.building.archive import write_archive
from head_patching.building.project import project_files
from head_patching.files.schema import SCHEMA_VERSION

CITATION = """\
title: heads
abstract: what they do
authors: [{family-names: Doe, given-names: Jane}, {name: The others}]
version: 1.2.0
date-released: 2026-02-03
license: MIT
keywords: [attention]
"""


RULES = {
    "results/provenance.json": "record_provenance",
    "results/paper/chapter.pdf": "typeset_chapter",
    "results/{model}/{task}/{corruption}/effects.csv": "summarise_effects",
    "results/{model}/{task}/{corruption}/effects.run.json": "summarise_effects",
    "results/{model}/{task}/{corruption}/tests.csv": "summarise_effects",
    "results/figures/{figure}.pdf": "draw_figure",
    "results/{model}/{task}/{corruption}/cache/{n}.safetensors": "cache_activations",
    "results/{model}/model/model.json": "prepare_model",
    "results/{model}/model/weights.safetensors": "prepare_model",
    "results/{model}/model/checkpoint/model.safetensors": "prepare_model",
    "results/archive/{name}.tar.gz": "archive",
}

RUN = {
    "command": "head-patching summarise-effects",
    "inputs": {},
    "file": "effects.csv",
    "beside": {"tests.csv": "0" * 64},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with two tracked files, a stray one, and results."""
    folder = tmp_path / "project"
    for name, text in {
        "CITATION.cff": CITATION,
        "Snakefile": "rule all:\n",
        ".gitignore": "stray.txt\nresults\n",
        "stray.txt": "not of the project",
        "results/provenance.json": json.dumps(
            {"rules": RULES, "schema_version": SCHEMA_VERSION, "models": {"m": {}}}
            | {"runs": {"results/m/ioi/flip/effects.run.json": RUN}}
        ),
        "results/paper/chapter.pdf": "%PDF",
        "results/paper/notes.txt": "made by no rule",
        "results/m/ioi/flip/effects.csv": "layer,head\n",
        "results/m/ioi/flip/effects.run.json": "{}",
        "results/m/ioi/flip/tests.csv": "head,p\n",
        "results/figures/ioi/effects.pdf": "%PDF",
        "results/m/ioi/flip/cache/000.safetensors": "large",
        "results/m/model/weights.safetensors": "large",
        "results/m/model/checkpoint/model.safetensors": "large",
        "results/m/model/model.json": "{}",
        "results/archive/old.tar.gz": "old",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "Snakefile", "CITATION.cff"], cwd=folder, check=True)
    return folder


def unpacked(archive: Path, folder: Path) -> Path:
    """The archive's one folder, unpacked."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def files(folder: Path) -> set[str]:
    """All files, as paths from the folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_it_holds_sources_and_results_without_caches(project: Path, tmp_path: Path):
    names = write_archive(project, tmp_path / "a.tar.gz")
    top = unpacked(tmp_path / "a.tar.gz", tmp_path / "out")
    assert top.name == "head-patching-1.2.0"
    assert files(top) == set(names)
    assert set(names) == {
        ".gitignore",
        "CITATION.cff",
        "SHA256SUMS",
        "Snakefile",
        "results/figures/ioi/effects.pdf",
        "results/m/ioi/flip/effects.csv",
        "results/m/ioi/flip/effects.run.json",
        "results/m/ioi/flip/tests.csv",
        "results/m/model/model.json",
        "results/paper/chapter.pdf",
        "results/provenance.json",
        "ro-crate-metadata.json",
    }
    for line in (top / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((top / name).read_bytes()).hexdigest() == checksum


def test_results_of_another_config_stay_where_they_are(project: Path, tmp_path: Path):
    expected = write_archive(project, tmp_path / "a.tar.gz")
    for name in (
        "results/other/model/model.json",
        "results/m/ioi/abc/effects.csv",
        "results/m/capitals/flip/effects.csv",
        "results/figures/capitals/effects.pdf",
        "results/m/ioi/abc/patching/x.csv",
        "results/m/ioi/flip/other/tests.csv",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("{}")
    (project / "results/m/ioi/flip/patched.csv").write_text("of this experiment")
    assert write_archive(project, tmp_path / "b.tar.gz") == expected


def test_its_bytes_are_fixed_also_from_the_unpacked_archive(
    project: Path, tmp_path: Path
):
    write_archive(project, tmp_path / "first.tar.gz")
    (project / "Snakefile").touch()
    write_archive(project, tmp_path / "second.tar.gz")
    top = unpacked(tmp_path / "first.tar.gz", tmp_path / "out")
    (top / "stray.txt").write_text("not of the project")
    write_archive(top, tmp_path / "third.tar.gz")
    first, *others = (
        (tmp_path / f"{name}.tar.gz").read_bytes()
        for name in ("first", "second", "third")
    )
    assert others == [first, first]


def test_it_describes_itself(project: Path, tmp_path: Path):
    write_archive(project, tmp_path / "a.tar.gz")
    top = unpacked(tmp_path / "a.tar.gz", tmp_path / "out")
    graph = json.loads((top / "ro-crate-metadata.json").read_text())["@graph"]
    nodes = {node["@id"]: node for node in graph}
    root = nodes["./"]
    assert (root["name"], root["version"]) == ("heads", "1.2.0")
    assert "MIT" in str(root["license"])
    assert "CC-BY-4.0" in str(root["license"])
    assert root["datePublished"] == "2026-02-03"
    assert root["mainEntity"] == {"@id": "Snakefile"}
    assert "ComputationalWorkflow" in nodes["Snakefile"]["@type"]
    assert {nodes[each["@id"]]["name"] for each in root["creator"]} == {
        "Jane Doe",
        "The others",
    }
    described = {each["@id"] for each in root["hasPart"]}
    assert described == files(top) - {"SHA256SUMS", "ro-crate-metadata.json"}


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="neither a git repository nor an unpacked"):
        project_files(tmp_path)
    with pytest.raises(ValueError, match=r"CITATION\.cff does not exist"):
        write_archive(tmp_path, tmp_path / "a.tar.gz")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "CITATION.cff").write_text("title: x")
    with pytest.raises(ValueError, match="lacks abstract, version"):
        write_archive(tmp_path, tmp_path / "a.tar.gz")
