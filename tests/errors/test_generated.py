"""Whatever a config, prompts or a result holds gives one line, and no traceback.

`make test-slow` goes through more than 10,000 generated bad inputs, `make test` through
some of them. Only the errors that the command line prints as one line may come out.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from hypothesis import strategies as st
from typer.testing import CliRunner

from head_patching import cli
from head_patching.building.configuration import check_config, check_tasks
from head_patching.files.datasets import read_dataset
from head_patching.files.records import read_record
from head_patching.files.tables import read_table
from head_patching.files.writing import (
    write_csv,
    write_dataset,
    write_json,
    write_table,
)
from head_patching.models.loading import load_model, prepare_model
from head_patching.patching.cache import manifest_path, read_cache, write_cache
from head_patching.roles.criteria import read_criteria
from head_patching.tasks import find_task
from head_patching.tasks.pairs import PromptPairs
from tests.architectures import random_pairs, save_checkpoint
from tests.errors.bad_inputs import each_is_refused, garbled, mutated, written
from tests.errors.command_lines import patched
from tests.tables import complete

ROOT = Path(__file__).parents[2]

N_INPUTS = {"config": 900, "prompts": 3000, "record": 2500, "table": 2000}
N_INPUTS |= {"criteria": 1400, "netcdf": 600, "manifest": 400, "activations": 300}
N_INPUTS |= {"model": 200, "provenance": 400}


def few_and_many(kind: str) -> pytest.MarkDecorator:
    """The test runs with some inputs, and with all of that kind when it may be slow."""
    many = pytest.param(N_INPUTS[kind], marks=pytest.mark.slow)
    return pytest.mark.parametrize("n_inputs", [N_INPUTS[kind] // 30, many])


def test_the_inputs_are_many() -> None:
    assert sum(N_INPUTS.values()) > 10_000


def fails_well(read: Callable[[], object]) -> bool:
    """Whether reading fails, and if so, as the command line prints in one line.

    It joins the words of a message; Snakemake prints faults of a config as they are.
    """
    try:
        read()
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
        assert message.split()
        if message.startswith("config: "):
            lines = message.splitlines()
            assert all(re.match(r"config: |unknown task ", line) for line in lines)
        return True
    return False


@few_and_many("config")
def test_configs(n_inputs: int) -> None:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = ROOT / "workflow/schemas/config.schema.yaml"

    def check(changed: dict) -> None:
        check_config(changed, schema)
        tasks = changed["tasks"]
        check_tasks(tasks, {name: find_task(name) for name in tasks})

    changed = mutated(config).filter(lambda value: isinstance(value, dict))
    each_is_refused(changed, lambda value: fails_well(lambda: check(value)), n_inputs)


@few_and_many("prompts")
def test_prompts(n_inputs: int, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    random_pairs(seed=3).write(path)
    lines = path.read_bytes().splitlines()

    def with_other_line(number: int) -> st.SearchStrategy[bytes]:
        changed = mutated(yaml.safe_load(lines[number])).map(written)
        before, after = lines[:number], lines[number + 1 :]
        return changed.map(lambda line: b"\n".join([*before, line, *after]) + b"\n")

    contents = garbled(path.read_bytes()) | st.integers(0, len(lines) - 1).flatmap(
        with_other_line
    )
    each_is_refused(contents, refusing(path, PromptPairs.read), n_inputs)


def refusing(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], bool]:
    """Whether the reader refuses the file when that is in it."""

    def refused(content: bytes) -> bool:
        path.write_bytes(content)
        return fails_well(lambda: read(path))

    return refused


@few_and_many("record")
def test_records(n_inputs: int, tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    write_json(path, {"runs": {"a": {"command": "c"}}, "rules": {}, "settings": {}})
    keys = ["runs", "rules", "settings"]
    contents = garbled(path.read_bytes())
    refused = refusing(path, lambda file: read_record(file, keys))
    each_is_refused(contents, refused, n_inputs)


@few_and_many("table")
def test_tables(n_inputs: int, tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    rows = pd.DataFrame({"layer": [1, 1], "head": [2, 3], "role": "x"})
    write_table("roles", path, complete("roles", rows))
    lines = path.read_text().splitlines()

    @st.composite
    def with_other_cell(draw: st.DrawFn) -> bytes:
        cells = [line.split(",") for line in lines]
        row, column = draw(st.integers(0, 2)), draw(st.sampled_from([0, 1, 3, 5]))
        odd = st.sampled_from(['"', "1,2,3", "\x00", "0x7", "--1", "'", "1e"])
        cells[row][column] = draw(odd | st.text(min_size=1))
        text = "\n".join(",".join(line) for line in cells)
        ended = text + draw(st.sampled_from(["", "\n", "\n", "\n"]))
        return ended.encode(errors="ignore")

    contents = with_other_cell() | garbled(path.read_bytes())
    refused = refusing(path, lambda file: read_table("roles", file))
    each_is_refused(contents, refused, n_inputs)


@few_and_many("criteria")
def test_criteria(n_inputs: int, tmp_path: Path) -> None:
    path = tmp_path / "ioi.yaml"
    content = yaml.safe_load((ROOT / "config/roles/ioi.yaml").read_text())
    content["criteria"] = content["criteria"][:3]
    contents = garbled(yaml.safe_dump(content).encode()) | mutated(content).map(written)
    each_is_refused(contents, refusing(path, read_criteria), n_inputs)


@few_and_many("netcdf")
def test_netcdf(n_inputs: int, tmp_path: Path) -> None:
    """Cut short, or no netCDF at all; what else is changed, the checksum tells."""
    path = tmp_path / "x.nc"
    data = np.arange(8.0).reshape(2, 2, 2)
    write_dataset(path, xr.Dataset({"logit_diff": (("layer", "head", "pair"), data)}))
    whole = path.read_bytes()
    cut = st.integers(0, len(whole) - 1).map(lambda place: whole[:place])
    other = st.binary(max_size=16).map(lambda begin: begin + whole[len(begin) :])
    each_is_refused(cut | other, refusing(path, read_dataset), n_inputs)


def fails_on_the_command_line(arguments: list[str]) -> bool:
    """Whether a command fails, and if so, with one line."""
    run = CliRunner().invoke(cli.app, arguments)
    if run.exit_code == 0:
        return False
    assert isinstance(run.exception, SystemExit), run.exception
    *_, last = run.stderr.splitlines()
    assert last.startswith("error: ")
    return True


@few_and_many("model")
def test_descriptions_of_models(n_inputs: int, place: Path) -> None:
    """In a folder that is named by an option, deep below which the values are used."""
    path, arguments = place / "model/model.json", patched()

    def refused(content: bytes) -> bool:
        path.write_bytes(content)
        return fails_on_the_command_line(arguments)

    contents = mutated(yaml.safe_load(path.read_text())).map(written)
    each_is_refused(contents, refused, n_inputs)


@few_and_many("provenance")
@pytest.mark.parametrize("command", ["trace", "verify"])
def test_provenance_of_a_build(n_inputs: int, command: str, place: Path) -> None:
    """Read by commands that somebody else than Snakemake starts."""
    inputs = {"results/effects.csv": "00"}
    record = {
        "settings": {"models": ["planted-gpt2"], "tasks.ioi.corruption": "s2_io_flip"},
        "runs": {"results/a.run.json": {"command": "c --out a", "inputs": inputs}},
        "rules": {"results/a.csv": "rule_a"},
    }
    path = place / "results/provenance.json"
    write_json(path, record)
    row = {"key": ["x"], "text": ["1"], "exact": ["1"], "files": ["results/a.csv"]}
    write_csv(place / "results/numbers.csv", pd.DataFrame(row))
    reference = ["--reference", str(ROOT / "reference")]
    arguments = {"trace": ["trace", "x"], "verify": ["verify", *reference]}[command]

    def refused(content: bytes) -> bool:
        path.write_bytes(content)
        return fails_on_the_command_line(arguments)

    contents = mutated(json.loads(path.read_text())).map(written)
    each_is_refused(contents, refused, n_inputs // 2)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Cached activations of one pair."""
    prepare_model(str(save_checkpoint("gpt2", tmp_path / "gpt2")), tmp_path / "model")
    path = tmp_path / "000.safetensors"
    write_cache(path, load_model(tmp_path / "model"), random_pairs(seed=60), 0, 1)
    return path


@few_and_many("manifest")
def test_manifests_of_cached_activations(n_inputs: int, cache: Path) -> None:
    record = manifest_path(cache)
    contents = mutated(yaml.safe_load(record.read_text())).map(written)
    pairs = random_pairs(seed=60)
    refused = refusing(record, lambda _: list(read_cache(cache, pairs)))
    each_is_refused(contents, refused, n_inputs)


@few_and_many("activations")
def test_cached_activations(n_inputs: int, cache: Path) -> None:
    refused = refusing(
        cache, lambda file: list(read_cache(file, random_pairs(seed=60)))
    )
    each_is_refused(garbled(cache.read_bytes()), refused, n_inputs)
