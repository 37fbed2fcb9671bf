"""What a run record says, and what it must not say."""

import json
from pathlib import Path

import pytest

from head_patching.files import provenance
from head_patching.files.checksums import git_sha1_file, sha256_file
from head_patching.files.records import read_record
from head_patching.files.writing import write_json

CODE = {"head_patching.commands.patch": "01234567"}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record written in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    Path("pairs.jsonl").write_text("{}\n")
    path = provenance.record_path("x/effects.csv")
    made = provenance.run_record(
        "head-patching patch", ["pairs.jsonl"], {"seed": 1}, CODE
    )
    provenance.write_record(made, "x/effects.csv")
    return path


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == expected
    # What `git hash-object` says of the same file.
    assert git_sha1_file(tmp_path / "abc") == "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"


def test_record_stands_beside_its_result(record: Path) -> None:
    assert record == Path("x/effects.run.json")
    content = json.loads(record.read_text())
    assert content["inputs"] == {"pairs.jsonl": sha256_file("pairs.jsonl")}
    assert content["settings"] == {"seed": 1}
    assert content["packages"]["torch"].startswith("2.13.0")
    assert content["code"] == CODE


def test_record_names_no_place_and_no_time(record: Path, tmp_path: Path) -> None:
    inside = provenance.run_record("c", [tmp_path / "pairs.jsonl"], {}, {})
    outside = provenance.run_record("c", [Path(__file__)], {}, {})
    assert list(inside["inputs"]) == ["pairs.jsonl"]
    assert list(outside["inputs"]) == [Path(__file__).name]
    assert str(tmp_path) not in record.read_text()
    again = provenance.run_record(
        "head-patching patch", ["pairs.jsonl"], {"seed": 1}, CODE
    )
    assert read_record(record) == again


def test_model_folder_is_recorded_by_its_description(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    made = provenance.run_record("c", [tmp_path], {}, {})
    assert list(made["inputs"]) == ["model.json"]


def test_cached_activations_are_recorded_by_their_manifest(tmp_path: Path) -> None:
    (tmp_path / "000.safetensors").write_text("large")
    (tmp_path / "000.json").write_text("{}")
    made = provenance.run_record("c", [tmp_path / "000.safetensors"], {}, {})
    assert list(made["inputs"]) == ["000.json"]


def test_collect_joins_models_settings_and_runs(record: Path) -> None:
    described = {"provenance": {"name": "tiny", "files": {"a": "b"}}}
    write_json("model.json", described)
    joined = provenance.collect(
        [record], ["model.json"], {"tasks": {"ioi": {"seed": 1}}}, {"x/a.csv": "make"}
    )
    assert joined["rules"] == {"x/a.csv": "make"}
    assert joined["models"]["tiny"]["files"] == {"a": "b"}
    assert joined["settings"] == {"tasks.ioi.seed": 1}
    assert joined["runs"]["x/effects.run.json"]["command"] == "head-patching patch"
    assert joined["code"] == CODE
    assert not {"packages", "code"} & joined["runs"]["x/effects.run.json"].keys()


def test_collect_refuses_results_of_other_versions(record: Path) -> None:
    content = json.loads(record.read_text())
    content["packages"]["numpy"] = "1.0"
    record.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"was made with numpy 1\.0.*forceall"):
        provenance.collect([record], [], {}, {})


def test_the_runs_before_a_run_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = {"pairs.jsonl": [], "x/run.nc": ["pairs.jsonl"], "x/other.nc": []}
    inputs["effects.csv"] = ["x/run.nc", "pairs.jsonl"]
    for name, read in inputs.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
        made = provenance.run_record("c", read, {}, {})
        provenance.write_record(made, name, [Path("pairs.jsonl")])
    found = provenance.records_behind(["effects.run.json"])
    assert [path.as_posix() for path in found] == [
        "effects.run.json",
        "pairs.run.json",
        "x/run.run.json",
    ]


def test_collect_refuses_results_of_two_versions_of_a_module(record: Path) -> None:
    content = json.loads(record.read_text())
    content["code"] = dict.fromkeys(CODE, "other")
    (other := Path("x/roles.run.json")).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"another version of head_patching\.commands"):
        provenance.collect([record, other], [], {}, {})


def test_the_record_of_a_model_is_beside_its_description(tmp_path: Path) -> None:
    write_json(tmp_path / "model.json", {})
    provenance.write_record(provenance.run_record("c", [], {}, CODE), tmp_path)
    assert read_record(tmp_path / "model.run.json", ["file"])["file"] == "model.json"
