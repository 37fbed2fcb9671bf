"""Command lines over the folder of `conftest.py`, and how each must fail."""

from pathlib import Path

from typer.testing import CliRunner

from head_patching import cli
from tests.errors.table import ROWS, is_message

Arguments = list[str]

DOCUMENT = "\\documentclass{{article}}\n\\begin{{document}}\n{}\n\\end{{document}}\n"


def cached(pairs: str = "pairs.jsonl", *more: str) -> Arguments:
    return ["cache-activations", "--model-folder", "model", "--pairs", pairs] + [
        "--out", "out/0.safetensors", *more,
    ]  # fmt: skip


def patched(*more: str, kind: str = "output", direction: str = "noising") -> Arguments:
    return ["patch", "--model-folder", "model", "--pairs", "pairs.jsonl"] + [
        "--patch-type", kind, "--direction", direction, "--out", "out/x.nc", *more,
    ]  # fmt: skip


def made_pairs(folder: str, n_pairs: str, corruption: str = "s2_io_flip") -> Arguments:
    return ["make-pairs", "--model-folder", folder, "--corruption", corruption] + [
        "--n-pairs", n_pairs, "--seed", "1", "--out", "out/pairs.jsonl",
    ]  # fmt: skip


def summarised(file: str = "patched.nc") -> Arguments:
    return ["summarise-effects", "--threshold", "0.1", "--seed", "1"] + [
        "--false-discovery-rate", "0.1", "--resamples", "5", "--sign-flips", "5",
        "--out", "out/effects.csv", file,
    ]  # fmt: skip


def typeset(text: str) -> Arguments:
    Path("chapter.tex").write_text(text)
    return ["typeset", "--main", "chapter.tex", "--out", "out/chapter.pdf"]


def check(name: str, arguments: Arguments) -> None:
    """The command fails with the row's message alone and writes no file."""
    before = files()
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code not in (0, None), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    lines = [line for line in result.stderr.splitlines() if "%" not in line[-4:]]
    assert len(lines) == 1, result.stderr
    assert is_message(lines[0], ROWS[name]), f"{lines[0]}\nexpected: {ROWS[name]}"
    assert files() == before


def files() -> set[Path]:
    """Every file in the working directory."""
    return {path for path in Path().rglob("*") if path.is_file()}
