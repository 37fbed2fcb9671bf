"""Which results Snakemake makes again when code changes, and what `why` says of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from head_patching.building.code import Code, data_hash, packages_in
from head_patching.building.staleness import (
    OLD,
    Stamps,
    changes,
    is_other,
    records,
    records_of,
)
from head_patching.cli import app

# Two rules, whose commands share one module and have one each of their own.
SNAKEFILE = """
from pathlib import Path
from head_patching.building.code import Code, packages_in
from head_patching.building.staleness import Stamps

STAMPS = Stamps(Code({"made": Path("made")}))

rule all:
    input: "results/second.txt", "results/apart.txt"

rule first:
    input: "text.txt", code=STAMPS.stamp("made.first")
    output: "results/first.txt", "results/first.run.json"
    shell: "python -m made.first results/first"

rule second:
    input: "results/first.txt", code=STAMPS.stamp("made.second")
    output: "results/second.txt", "results/second.run.json"
    shell: "python -m made.second results/second"

rule apart:
    input: code=STAMPS.stamp("made.apart")
    output: "results/apart.txt", "results/apart.run.json"
    shell: "python -m made.apart results/apart"
"""
COMMAND = '''"""A command."""
import sys

from made.{imported} import write

write({name!r}, sys.argv[1])
'''
SHARED = '''"""What two commands share."""
import json
from pathlib import Path

from head_patching.building.code import Code

TEXT = "shared"

def write(name: str, path: str) -> None:
    """Write the result and its record."""
    Path(path + ".txt").write_text(name + TEXT)  # a text
    code = Code({"made": Path("made")}).hashes(["made." + name])
    record = {"command": "python -m made." + name, "code": code}
    Path(path + ".run.json").write_text(json.dumps(record))
'''


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, built once."""
    files = {
        "Snakefile": SNAKEFILE,
        "text.txt": "text",
        "made/__init__.py": "",
        "made/shared.py": SHARED,
        "made/own.py": SHARED,
        "made/first.py": COMMAND.format(name="first", imported="shared"),
        "made/second.py": COMMAND.format(name="second", imported="shared"),
        "made/apart.py": COMMAND.format(name="apart", imported="own"),
    }
    folder = tmp_path_factory.mktemp("project")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    snakemake(folder)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it, with what Snakemake remembers and the times of files."""
    return shutil.copytree(built, tmp_path / "project")


def snakemake(folder: Path, *arguments: str) -> str:
    """What Snakemake prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder, env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    return run.stdout


def planned(folder: Path) -> set[str]:
    """Rules that would run now."""
    plan = snakemake(folder, "--dry-run")
    return {name for name in ("first", "second", "apart") if f"rule {name}:" in plan}


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def copied(folder: Path, how: str) -> Path:
    """The project elsewhere: `here`, or a copy without what Snakemake remembers."""
    if how == "here":
        return folder
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".snakemake"))
    if how == "unpacked":  # from an archive, in which all files are of one time
        for path in copy.rglob("*"):
            os.utime(path, (1e9, 1e9))
    return copy


@pytest.mark.parametrize("how", ["here", "copy", "unpacked"])
def test_a_changed_statement_reruns_its_dependants_alone(
    project: Path, how: str
) -> None:
    folder = copied(project, how)
    edit(folder, "made/shared.py", "# a text", "# another comment")
    edit(folder, "made/shared.py", "What two commands share.", "Shared.")
    assert planned(folder) == set()
    edit(folder, "made/own.py", '"shared"', '"own"')
    assert planned(folder) == {"apart"}
    edit(folder, "made/own.py", '"own"', '"shared"')  # back, after a dry run
    edit(folder, "made/shared.py", '"shared"', '"joint"')
    assert planned(folder) == {"first", "second"}
    snakemake(folder)
    assert (folder / "results/second.txt").read_text() == "secondjoint"
    assert planned(folder) == set()


def test_a_result_without_a_record_of_its_code_is_made_again(project: Path) -> None:
    copy = copied(project, "unpacked")
    record = copy / "results/apart.run.json"
    record.write_text(json.dumps({"command": "python -m made.apart"}))
    os.utime(record, (1e9, 1e9))
    assert planned(copy) == {"apart"}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({"made.own": "1", "made.other_task": "5"}, False),
        ({"made.own": "2"}, True),
        ({"made.other_task": "5"}, True),  # what made it did not import made.own
        ({"made.own": "1", "made.gone": "3"}, True),
        (None, True),
    ],
    ids=["same", "changed", "new", "gone", "unrecorded"],
)
def test_a_record_is_compared_with_a_stamp(recorded, expected, project: Path) -> None:
    class Present(Code):
        def current(self, name: str) -> str | None:
            return None if name == "made.gone" else "present"

    assert is_other(recorded, {"made.own": "1"}, {"made.own"}, Present({})) == expected


def test_a_yaml_file_counts_as_it_reads(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    Path("roles.yaml").write_text("threshold: 1\n")

    def stamped() -> float:
        stamps = Stamps(Code({"made": Path("made")}))
        return Path(stamps.stamp_of_yaml("roles.yaml")).stat().st_mtime

    says = data_hash(Path("roles.yaml"))
    record = {"command": "python -m made.apart", "code": {"roles.yaml": says}}
    Path("results/apart.run.json").write_text(json.dumps(record))
    assert stamped() == OLD
    Path("roles.yaml").write_text("# A comment.\nthreshold: 1\n")
    assert stamped() == OLD
    Path("roles.yaml").write_text("threshold: 2\n")
    assert stamped() > OLD
    Path("roles.yaml").write_text("threshold: 1\n")
    assert stamped() == OLD


def test_a_command_without_records_is_run_again_in_place(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)

    def stamped() -> float:
        stamps = Stamps(Code({"made": Path("made")}))
        return Path(stamps.stamp("made.shared")).stat().st_mtime

    assert stamped() == OLD  # nobody knows
    edit(project, "made/shared.py", "TEXT", "WORD")
    assert stamped() > OLD


def test_what_has_changed_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    code = Code({"made": Path("made")})
    found = {path.name: made for path, _, made in records(Path("results"))}
    assert changes(found["first.run.json"], code) == {}
    edit(project, "made/shared.py", '"shared"', '"joint"')
    (project / "made/second.py").unlink()
    code = Code({"made": Path("made")})
    assert changes(found["first.run.json"], code) == {"made.shared": "has changed"}
    assert changes(found["second.run.json"], code) == {
        "made.second": "is gone",
        "made.shared": "has changed",
    }


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result of `draw` that was made by other code, and provenance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("head_patching.building.code.LOCKS", ())
    folder = Path("results")
    folder.mkdir()
    root = Path(__file__).parents[2]
    made = Code(packages_in(root)).hashes(["head_patching.terms"])
    record = {"command": "head-patching draw", "file": "a.csv", "schema_version": 2}
    for name, code in (("a", made), ("b", made | {"head_patching.terms": "other"})):
        (folder / f"{name}.csv").write_text(name)
        content = record | {"file": f"{name}.csv", "code": code}
        (folder / f"{name}.run.json").write_text(json.dumps(content))
    rules = {"results/{name}.csv": "draw", "results/{name}.run.json": "draw"}
    about = json.dumps({"rules": rules, "schema_version": 2})
    (folder / "provenance.json").write_text(about)
    return folder


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("results/a.csv", "results/a.csv: 0 of 1 results"),
        ("results/b.csv", "  head_patching.terms has changed"),
        ("results/b.run.json", "  head_patching.terms has changed"),
        ("draw", "draw: 1 of 2 results"),
    ],
)
def test_why_names_the_module(results: Path, what: str, expected: str) -> None:
    run = CliRunner().invoke(app, ["why", what])
    assert run.exit_code == 0, run.output
    assert expected in run.output


def test_why_names_the_rules_that_there_are(results: Path) -> None:
    with pytest.raises(ValueError, match=r"neither a result file nor a rule.*: draw"):
        records_of("drew", results)
