"""The command line: one-line errors, records that can be run again, a quick start."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from head_patching import cli
from head_patching.commands._options import Out

run = CliRunner().invoke
BUGS = (RuntimeError, KeyError, TypeError, AttributeError, IndexError)


@pytest.fixture
def app() -> Iterator[typer.Typer]:
    """The command line's own classes around a command made for the test."""
    made = typer.Typer(cls=cli.OneLineErrors, pretty_exceptions_enable=False)
    bugs = {bug.__name__: bug("a bug") for bug in BUGS}
    made.callback()(cli.head_patching)

    @made.command(cls=cli.Recorded)
    def work(
        pairs: Annotated[list[Path], typer.Argument()],
        out: Out,
        seed: int = 1,
        fail: str = "",
        again: Annotated[bool, typer.Option("--again")] = False,
    ) -> None:
        if fail == "value":
            raise ValueError("the answer\nis wrong")
        if fail == "file":
            Path("missing").read_text()
        if fail in bugs:
            raise bugs[fail]
        out.write_text("done")

    return made


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.jsonl").write_text("{}")


@pytest.mark.parametrize(
    ("fail", "line"),
    [("value", "error: the answer is wrong"), ("file", "error: missing: no such file")],
)
def test_an_expected_error_is_one_line(app: typer.Typer, fail: str, line: str) -> None:
    result = run(app, ["work", "a b.jsonl", "--out", "x.csv", "--fail", fail])
    assert result.exit_code == 1
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert not Path("x.run.json").exists()


def test_traceback_on_request(app: typer.Typer) -> None:
    arguments = ["work", "a b.jsonl", "--out", "x.csv", "--fail", "value"]
    assert isinstance(run(app, ["--traceback", *arguments]).exception, ValueError)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_not_hidden(app: typer.Typer, bug: type[Exception]) -> None:
    arguments = ["work", "a b.jsonl", "--out", "x.csv", "--fail", bug.__name__]
    assert type(run(app, arguments).exception) is bug


def test_a_module_with_a_function_of_its_name_is_a_subcommand(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "count_heads.py").write_text(
        "def count_heads(n: int) -> None:\n    print(n * 2)\n"
    )
    (tmp_path / "_options.py").write_text("def _options() -> None:\n    pass\n")
    monkeypatch.setattr(
        cli.commands, "__path__", [*cli.commands.__path__, str(tmp_path)]
    )
    found = cli.FoundCommands()
    assert "count-heads" in found
    assert "make-pairs" in found
    assert not [name for name in found if "options" in name]
    found["count-heads"](["4"], standalone_mode=False)
    assert capsys.readouterr().out == "8\n"


def test_a_record_holds_the_command_with_every_setting(app: typer.Typer) -> None:
    result = run(app, ["work", "a b.jsonl", "--out", "x.csv", "--again"])
    assert result.exit_code == 0, result.output
    record = json.loads(Path("x.run.json").read_text())
    assert record["command"] == (
        "head-patching work --out x.csv --seed 1 --fail '' --again 'a b.jsonl'"
    )
    assert list(record["inputs"]) == ["a b.jsonl"]
    assert record["settings"] == {"seed": 1, "fail": "", "again": True}


def test_help_names_every_command_of_the_workflow() -> None:
    shown = run(cli.app, ["--help"]).output
    rules = Path(cli.__file__).parents[2] / "workflow/rules"
    recipes = "".join(path.read_text() for path in rules.glob("*.smk"))
    commands = {part.split()[0] for part in recipes.split('"head-patching ')[1:]}
    assert len(commands) > 8
    assert all(command in shown for command in commands)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of an interpreter that has imported the command line."""
    code = "import sys, head_patching.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return {*run.stdout.decode().split()}


@pytest.mark.parametrize("slow", ["torch", "transformers", "pandas", "numpy", "scipy"])
def test_the_command_line_starts_without(loaded: set[str], slow: str) -> None:
    assert "head_patching.cli" in loaded
    assert slow not in loaded


def test_missing_model_folder_is_one_line() -> None:
    result = run(
        cli.app,
        ["cache-activations", "--model-folder", "none", "--pairs", "a b.jsonl"]
        + ["--out", "cache/000.safetensors"],
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
