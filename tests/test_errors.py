"""The table of docs/errors.md: each bad input gives the message that stands there.

One line, an exit code other than 0, and nothing half-written: provoked here one by one,
with the command line itself, or with Snakemake for faults of the config.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from head_patching import cli, memory
from head_patching.checksums import sha256_file
from head_patching.models.loading import prepare_model
from head_patching.models.planted.checkpoint import PlantedModel, Words, write_planted
from head_patching.patching.cache import write_shard
from head_patching.patching.experiment import HeadPatcher
from head_patching.results import write_csv, write_dataset, write_json
from head_patching.tasks.ioi_templates import NAMES, prompt_words
from tests.architectures import random_pairs, save_checkpoint
from tests.error_table import ROWS, is_message

ROOT = Path(__file__).parents[1]

Arguments = list[str]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one sound file of each kind."""
    folder = tmp_path_factory.mktemp("sound")
    checkpoint = save_checkpoint("gpt2", folder / "gpt2")
    prepare_model(str(checkpoint), folder / "model")
    words = Words(prompt_words(), NAMES)
    planted = PlantedModel("gpt2", 3, 0.0)
    write_planted(planted, words, folder / "planted" / "checkpoint")
    pairs = random_pairs(seed=5)
    pairs.write(folder / "pairs.jsonl")
    from head_patching.models.loading import load_model

    model = load_model(folder / "model")
    write_shard(folder / "000.safetensors", model, pairs, 0, 5)
    found = HeadPatcher(model).run(pairs)
    does_the_task = found.assign(clean_logit_diff=found["corrupt_logit_diff"] + 5)
    write_dataset(folder / "patched.nc", does_the_task)
    roles = {"layer": [0], "head": [1], "role": ["x"], "planted": ["x"], "found": ["x"]}
    write_csv(folder / "roles.csv", pd.DataFrame(roles))
    write_json(folder / "provenance.json", {"settings": {}, "runs": {}, "rules": {}})
    return folder


@pytest.fixture
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, and the working directory."""
    shutil.copytree(sound, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


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


def changed_pair(**changes: object) -> Arguments:
    """A pairs file whose first pair is another."""
    header, first, *others = Path("pairs.jsonl").read_text().splitlines()
    lines = [header, json.dumps(json.loads(first) | changes), *others]
    Path("pairs.jsonl").write_text("\n".join(lines) + "\n")
    return cached()


def cut(file: str) -> None:
    """A file's first half is left."""
    content = Path(file).read_bytes()
    Path(file).write_bytes(content[: len(content) // 2])


def cut_then(file: str, arguments: Arguments) -> Arguments:
    cut(file)
    return arguments


def other_bit(file: str, arguments: Arguments) -> Arguments:
    """One bit of the file, near its end, is another."""
    content = bytearray(Path(file).read_bytes())
    content[-9] ^= 4
    Path(file).write_bytes(content)
    return arguments


def recorded_then_edited() -> Arguments:
    write_json("patched.run.json", {"sha256": sha256_file("patched.nc")})
    return other_bit("patched.nc", summarised())


def other_version(version: object) -> Arguments:
    record = json.loads(Path("model/model.json").read_text())
    Path("model/model.json").write_text(
        json.dumps(record | {"schema_version": version})
    )
    return cached()


def not_a_number(file: str) -> None:
    tensors = load_file(file)
    name = max(tensors, key=lambda key: tensors[key].numel())
    tensors[name].view(-1)[3] = float("inf")
    save_file(tensors, file, metadata={"format": "pt"})


def infinite_checkpoint() -> Arguments:
    not_a_number("gpt2/model.safetensors")
    return ["prepare-model", "--model", "gpt2", "--out", "out"]


def does_not_do_the_task() -> Arguments:
    dataset = xr.load_dataset("patched.nc", engine="h5netcdf")
    alike = dataset.assign(clean_logit_diff=dataset["corrupt_logit_diff"])
    write_dataset("patched.nc", alike)
    return summarised()


def with_text(file: str, text: str, arguments: Arguments) -> Arguments:
    Path(file).write_text(text)
    return arguments


def blocked_folder() -> Arguments:
    Path("out").write_text("a file")
    return patched()


def classified(criteria: str) -> Arguments:
    return ["classify-roles", "--evidence", "patched.nc", "--threshold", "0.1"] + [
        "--false-discovery-rate", "0.1", "--resamples", "5", "--sign-flips", "5",
        "--role-resamples", "5", "--seed", "1", "--criteria", criteria,
        "--out", "out/a.csv", "--out-criteria", "out/b.csv",
        "--out-evidence", "out/c.csv", "--out-stability", "out/d.csv", "patched.nc",
    ]  # fmt: skip


def summarised_validation(file: str) -> Arguments:
    return ["summarise-validation", "--out", "out/a.csv", file] + [
        "--out-confusion", "out/b.csv", "--out-null-models", "out/c.csv",
    ]  # fmt: skip


def validation_twice() -> Arguments:
    rows = {
        "architecture": ["gpt2"] * 2, "noise": [0.1] * 2, "seed": [0] * 2,
        "without": ["nothing"] * 2, "task": ["ioi"] * 2, "layer": [0] * 2,
        "head": [0] * 2, "planted": ["none"] * 2, "found": ["no role"] * 2,
        "accuracy": [1.0] * 2, "refused": [0] * 2,
    }  # fmt: skip
    write_csv("planted.csv", pd.DataFrame(rows))
    return summarised_validation("planted.csv")


def typeset(text: str) -> Arguments:
    Path("chapter.tex").write_text(text)
    return ["typeset", "--main", "chapter.tex", "--out", "out/chapter.pdf"]


PAIR = random_pairs(seed=5)[0]
DOCUMENT = "\\documentclass{{article}}\n\\begin{{document}}\n{}\n\\end{{document}}\n"

COMMANDS: dict[str, Callable[[], Arguments]] = {
    "a missing option": lambda: patched()[:-2],
    "an unknown subcommand": lambda: ["pach"],
    "an unknown patch type": lambda: patched(kind="ouput"),
    "an unknown direction": lambda: patched(direction="denoise"),
    "an unknown position": lambda: patched("--position", "S3"),
    "a position beyond the prompt": lambda: patched("--position", "99"),
    "an unknown corruption": lambda: made_pairs("planted", "3", "s2_io"),
    "zero pairs": lambda: made_pairs("planted", "0"),
    "more pairs than there are": lambda: made_pairs("planted", "1000000000"),
    "names of several tokens": lambda: made_pairs("model", "3"),
    "prompts of unequal length": lambda: changed_pair(
        clean_tokens=[*PAIR.clean_tokens, 1]
    ),
    "a corrupt prompt like the clean one": lambda: changed_pair(
        corrupt=PAIR.clean, corrupt_tokens=PAIR.clean_tokens
    ),
    "an answer like the wrong answer": lambda: changed_pair(
        wrong_answer=PAIR.answer, wrong_answer_token=PAIR.answer_token
    ),
    "tokens that the model does not have": lambda: (
        changed_pair(answer_token=5000) and patched()
    ),
    "a model that does not do the task": does_not_do_the_task,
    "a weight that is NaN or infinite": infinite_checkpoint,
    "a folder that is no prepared model": lambda: [
        word if word != "model" else "nowhere" for word in patched()
    ],
    "weights cut short or changed": lambda: cut_then(
        "model/weights.safetensors", cached()
    ),
    "cached activations cut short or changed": lambda: other_bit(
        "000.safetensors", patched("000.safetensors")
    ),
    "cached activations of other prompts": lambda: (
        random_pairs(seed=6).write("pairs.jsonl") or patched("000.safetensors")
    ),
    "a manifest that is no JSON": lambda: cut_then(
        "000.json", patched("000.safetensors")
    ),
    "netCDF cut short": lambda: cut_then("patched.nc", summarised()),
    "netCDF or prompts changed since they were written": recorded_then_edited,
    "prompts cut short": lambda: cut_then("pairs.jsonl", cached()),
    "a table cut short": lambda: cut_then(
        "roles.csv", summarised_validation("roles.csv")
    ),
    "criteria that are no YAML": lambda: with_text(
        "roles.yaml", "criteria: [", classified("roles.yaml")
    ),
    "a missing file": lambda: summarised("none.nc"),
    "a file of an older version": lambda: other_version(1),
    "a file of a newer version": lambda: other_version(99),
    "a planted model counted twice": validation_twice,
    "a file in the place of the results folder": blocked_folder,
    "a LaTeX error": lambda: typeset(DOCUMENT.format("see \\reff{x}")),
    "an undefined reference": lambda: typeset(DOCUMENT.format("see \\ref{x}")),
}


def nothing_new(before: set[Path]) -> bool:
    """Whether no file was written but empty folders."""
    return {path for path in Path().rglob("*") if path.is_file()} == before


def check(name: str, arguments: Arguments) -> None:
    """The command fails with the row's message alone and writes nothing."""
    before = {path for path in Path().rglob("*") if path.is_file()}
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code not in (0, None), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    lines = [line for line in result.stderr.splitlines() if "%" not in line[-4:]]
    assert len(lines) == 1, result.stderr
    assert is_message(lines[0], ROWS[name]), f"{lines[0]}\nexpected: {ROWS[name]}"
    assert nothing_new(before) or arguments[0] == "prepare-model"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_input_gives_its_message(name: str, place: Path) -> None:
    if "LaTeX" in name or "reference" in name:
        pytest.importorskip("shutil")
        if shutil.which("latexmk") is None:
            pytest.skip("latexmk is not installed")
    check(name, COMMANDS[name]())


def test_without_tex(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    check("TeX is not installed", typeset(DOCUMENT.format("x")))


@contextmanager
def mounted(folder: Path, settings: str) -> Iterator[None]:
    """A small file system in the folder; skips where that is not allowed."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", settings, "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("file systems are mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_results_folder(place: Path) -> None:
    with mounted(place / "out", "ro"):
        check("a results folder that cannot be written", patched())


def test_too_little_memory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    check("too little memory for the pairs of a cache file", cached())


def test_memory_that_the_system_refuses(place: Path) -> None:
    """In a process of its own that may have little, by the kernel's own limit."""
    code = (
        "import resource, torch, sys; from head_patching import cli;"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2);"
        "from head_patching.patching.experiment import HeadPatcher;"
        "HeadPatcher.run = lambda *_, **__: torch.empty(2**40);"
        f"cli.app({patched()!r})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert is_message(run.stderr.strip(), ROWS["memory that the system refuses"])
    assert not Path("out").exists()


@pytest.mark.parametrize("kind", ["safetensors", "netCDF", "prompts", "table"])
def test_a_full_disk(kind: str, place: Path) -> None:
    many = xr.load_dataset("patched.nc", engine="h5netcdf")
    heads = np.arange(1600).repeat(2).reshape(40, 40, 2) / 1000
    many = many[["clean_logit_diff", "corrupt_logit_diff"]].isel(pair=[0, 1])
    write_dataset("many.nc", many.assign(logit_diff=(("layer", "head", "pair"), heads)))
    commands = {
        "safetensors": cached(),
        "netCDF": patched("--position", "each"),
        "prompts": made_pairs("planted", "400"),
        "table": summarised("many.nc"),
    }
    with mounted(place / "out", "size=256k"):
        room = {"netCDF": 252, "table": 240}.get(kind, 200)
        (place / "out/other").write_bytes(bytes(room * 2**10))
        check("a full disk", commands[kind])
        assert [path.name for path in (place / "out").iterdir()] == ["other"]


def test_a_full_disk_ends_no_process_without_a_word(place: Path) -> None:
    """HDF5, left to write a file itself, ends the interpreter when it exits."""
    with mounted(place / "out", "size=256k"):
        (place / "out/other").write_bytes(bytes(252 * 2**10))
        words = [*patched("--position", "each")]
        code = f"from head_patching import cli; cli.app({words!r})"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True
        )
        assert run.returncode == 1
        last = run.stderr.splitlines()[-1]
        assert is_message(last, ROWS["a full disk"])


# Each group is one call of Snakemake, which says all faults of the schema at once.
CONFIGS: dict[str, dict[str, object]] = {
    "schema": {
        "an unknown key": {"statistcs": {}},
        "a missing key": {"tasks": {"other": {"corruption": "abc"}}},
        "an unknown patch type in the config": {"patch_types": ["output", "ouput"]},
        "a wrong type": {"models": "smollm2-135m"},
        "a number out of range": {"pairs_per_shard": 0},
        "a number written as a text": {"self_check": {"tolerance": "1e-4"}},
        "a number that is not finite": {"importance": {"threshold": float("nan")}},
        "a list with repetitions": {"directions": ["noising", "noising"]},
    },
    "model": {"an unknown model": {"models": ["smolm2-135m"]}},
    "task": {
        "an unknown task": {
            "tasks": {
                "oii": {
                    "corruption": "abc",
                    "n_pairs": 3,
                    "seed": 1,
                    "prepend_bos": "auto",
                    "positions": ["END"],
                }
            }
        }
    },
    "of a task": {
        "a corruption that the task does not have": {
            "tasks": {"ioi": {"corruption": "s2_io"}}
        },
        "a position that the task does not have": {
            "tasks": {"induction": {"positions": ["S2"]}}
        },
    },
    "noise": {
        "a noise level that stands twice": {"validation": {"noise": ["0.1", "default"]}}
    },
}


@pytest.mark.parametrize("group", CONFIGS)
def test_a_wrong_config_is_one_line_a_fault(group: str, tmp_path: Path) -> None:
    config: dict[str, object] = {}
    for part in CONFIGS[group].values():
        for key, value in part.items():
            inner = config.setdefault(key, {})
            config[key] = {**inner, **value} if isinstance(value, dict) else value
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
        + ["--configfile", str(file)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1
    lines = (run.stdout + run.stderr).splitlines()
    said = [line for line in lines if not re.match(r"Using|Config file", line)]
    for name in CONFIGS[group]:
        assert any(is_message(line, ROWS[name]) for line in said), (name, said)
    messages = [ROWS[name] for name in CONFIGS[group]]
    for line in said:
        missing_too = is_message(line, ROWS.get("a missing key", ""))
        assert missing_too or any(is_message(line, each) for each in messages), line


def test_every_row_of_the_document_is_provoked() -> None:
    provoked = {*COMMANDS, *(name for group in CONFIGS.values() for name in group)}
    provoked |= {"TeX is not installed", "a full disk"}
    provoked |= {"a results folder that cannot be written"}
    provoked |= {"too little memory for the pairs of a cache file"}
    provoked |= {"memory that the system refuses", "two builds in one folder"}
    assert set(ROWS) == provoked
