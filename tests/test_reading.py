"""Files are read without executing anything, and whatever they hold gives one line.

At least 10,000 damaged or made-up files go through the readers of config, prompts and
results; only the errors that the command line prints as one line may come out.
"""

import ast
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from head_patching.configuration import check_config, check_tasks
from head_patching.models.loading import load_model, prepare_model
from head_patching.models.registry import short_names
from head_patching.patching.cache import manifest_path, read_shard, write_shard
from head_patching.reading import read_csv, read_dataset, read_record
from head_patching.results import write_csv, write_dataset, write_json
from head_patching.roles.criteria import read_criteria
from head_patching.tasks import find_task
from head_patching.tasks.pairs import PromptPairs
from tests.architectures import random_pairs, save_checkpoint

ROOT = Path(__file__).parents[1]
SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("figures/*.py")]
SOURCES += ROOT.glob("workflow/rules/*.smk")

# What would execute, or could, what a file says.
FORBIDDEN = {"eval", "exec", "torch.load", "yaml.load", "np.load", "numpy.load"}
FORBIDDEN |= {"pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load", "os.system"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}

N_INPUTS = {"config": 1500, "prompts": 2600, "json": 2500, "table": 1500}
N_INPUTS |= {"criteria": 900, "netcdf": 500, "cache": 700}


def executed(source: str) -> set[str]:
    """Forbidden calls and imports in a piece of Python."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN:
            found.add(ast.unparse(node.func))
        names = [alias.name for alias in getattr(node, "names", []) if node]
        if isinstance(node, ast.Import):
            found |= {*names} & FORBIDDEN_MODULES
        if isinstance(node, ast.ImportFrom):
            found |= {node.module} & FORBIDDEN_MODULES
        trusts = isinstance(node, ast.keyword) and node.arg == "trust_remote_code"
        if trusts and ast.unparse(node.value) != "False":
            found.add("trust_remote_code")
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    source = "import pickle\ntorch.load(x)\neval('1')\nfrom_x(trust_remote_code=True)"
    expected = {"pickle", "torch.load", "eval", "trust_remote_code"}
    assert executed(source) == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_that_is_read_is_executed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        assert executed(text) == set()
    else:  # Snakemake's language is not quite Python
        assert not [name for name in FORBIDDEN if f" {name}(" in text]


VALUES = [None, True, -1, 0, 3, 10**20, 0.5, float("nan"), "", "x", "1e-4", "../up"]
VALUES += [[], {}, [1, "x"], {"a": {}}, "\x00", "\u2028", "e\u0301", [[[]]], {"": None}]
TEXTS = ["{", "]", "\x00", "NaN", "\n", ",", '"', ": ", "- ", "&a *a", "1e999", "\\u12"]


def mutated(value: object, draw: random.Random) -> object:
    """The value with one part, somewhere inside, replaced, removed or added."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value, key=str))
        others = {name: inner for name, inner in value.items() if name != key}
        match draw.randrange(8):
            case 0:
                return others
            case 1:
                return others | {draw.choice(["x", "", 7, key + "s"]): value[key]}
            case _:
                return others | {key: mutated(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.8:
        index = draw.randrange(len(value))
        inner = [mutated(value[index], draw)] if draw.random() < 0.8 else []
        return [*value[:index], *inner, *value[index + 1 :]]
    return draw.choice(VALUES)


def garbled(content: bytes, draw: random.Random) -> bytes:
    """The bytes cut short, with some changed, or with a text put among them."""
    place = draw.randrange(len(content))
    match draw.randrange(4):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + draw.randbytes(3) + content[place + 3 :]
        case 2:
            return content[:place] + draw.choice(TEXTS).encode() + content[place:]
        case _:
            return content[:place] + content[place + draw.randrange(1, 40) :]


def refused(read: Callable[[], object]) -> bool:
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


def counted(kind: str, attempt: Callable[[random.Random], bool]) -> None:
    """Run so many attempts, of which most must be bad inputs indeed."""
    draw = random.Random(kind)
    n_refused = sum(attempt(draw) for _ in range(N_INPUTS[kind]))
    assert n_refused > N_INPUTS[kind] / 2, n_refused


def test_the_inputs_are_many() -> None:
    assert sum(N_INPUTS.values()) >= 10_000


def test_configs() -> None:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = ROOT / "workflow/schemas/config.schema.yaml"

    def check(changed: dict) -> None:
        check_config(changed, schema)
        tasks = changed["tasks"]
        check_tasks(tasks, {name: find_task(name) for name in tasks})

    def attempt(draw: random.Random) -> bool:
        changed = mutated(config, draw)
        return isinstance(changed, dict) and refused(lambda: check(changed))

    counted("config", attempt)


NASTY = ["..", "../x", "/tmp/x", "a/../../b", "a\nb", "~/x", "$HOME", "a b", "", "."]
PLACES = ["models", "tasks", "tasks.ioi.corruption", "validation.noise"]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("place", PLACES)
def test_no_name_leads_out_of_the_results(name: str, place: str) -> None:
    """Refused, or, for a model, a folder directly in results/."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    match place:
        case "models":
            config["models"] = [name]
        case "tasks":
            config["tasks"][name] = config["tasks"]["ioi"]
        case "tasks.ioi.corruption":
            config["tasks"]["ioi"]["corruption"] = name
        case "validation.noise":
            config["validation"]["noise"].append(name)
    try:
        check_config(config, ROOT / "workflow/schemas/config.schema.yaml")
        tasks = config["tasks"]
        check_tasks(tasks, {each: find_task(each) for each in tasks})
        folders = short_names(config["models"])
    except ValueError:
        return
    assert place == "models"
    for folder in folders:
        assert folder not in ("", ".", "..")
        assert "/" not in folder


def test_prompts(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    random_pairs(seed=3).write(path)
    lines = path.read_text().splitlines()
    whole = path.read_bytes()

    def attempt(draw: random.Random) -> bool:
        if draw.random() < 0.5:
            path.write_bytes(garbled(whole, draw))
        else:
            number = draw.randrange(len(lines))
            changed = json.dumps(mutated(json.loads(lines[number]), draw))
            others = [*lines[:number], changed, *lines[number + 1 :]]
            path.write_text("\n".join(others) + "\n")
        return refused(lambda: PromptPairs.read(path))

    counted("prompts", attempt)


def test_records(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    write_json(path, {"runs": {"a": {"command": "c"}}, "rules": {}, "settings": {}})
    whole = path.read_bytes()

    def attempt(draw: random.Random) -> bool:
        path.write_bytes(garbled(whole, draw))
        return refused(lambda: read_record(path, ["runs", "rules", "settings"]))

    counted("json", attempt)


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    columns = ["layer", "head", "role", "value"]
    write_csv(path, pd.DataFrame([[1, 2, "x", 0.5]] * 2, columns=columns))
    lines = path.read_text().splitlines()

    def attempt(draw: random.Random) -> bool:
        cells = [line.split(",") for line in lines]
        row, column = draw.randrange(len(cells)), draw.choice([0, 1, 3])
        cells[row][column] = draw.choice(["x", '"', "1,2,3", "\x00", "0x7", "--1", "'"])
        text = "\n".join(",".join(line) for line in cells)
        path.write_text(text + draw.choice(["", "\n", "\n", "\n"]))
        return refused(lambda: read_csv(path, columns))

    counted("table", attempt)


def test_criteria(tmp_path: Path) -> None:
    path = tmp_path / "ioi.yaml"
    content = yaml.safe_load((ROOT / "config/roles/ioi.yaml").read_text())
    content["criteria"] = content["criteria"][:3]
    whole = yaml.safe_dump(content).encode()

    def attempt(draw: random.Random) -> bool:
        if draw.random() < 0.4:
            path.write_bytes(garbled(whole, draw))
        else:
            path.write_text(json.dumps(mutated(content, draw)))
        return refused(lambda: read_criteria(path))

    counted("criteria", attempt)


def test_netcdf(tmp_path: Path) -> None:
    """Cut short, or no netCDF at all; what else is changed, the checksum tells."""
    path = tmp_path / "x.nc"
    data = np.arange(8.0).reshape(2, 2, 2)
    write_dataset(path, xr.Dataset({"logit_diff": (("layer", "head", "pair"), data)}))
    whole = path.read_bytes()

    def attempt(draw: random.Random) -> bool:
        place = draw.randrange(len(whole))
        if draw.random() < 0.5:
            path.write_bytes(whole[:place])
        else:
            path.write_bytes(draw.randbytes(1) + whole[1:place] + whole[place:])
        return refused(lambda: read_dataset(path))

    counted("netcdf", attempt)


def test_cached_activations(tmp_path: Path) -> None:
    prepare_model(str(save_checkpoint("gpt2", tmp_path / "gpt2")), tmp_path / "model")
    model = load_model(tmp_path / "model")
    pairs, path = random_pairs(seed=60), tmp_path / "000.safetensors"
    write_shard(path, model, pairs, 0, 1)
    tensors, manifest = path.read_bytes(), manifest_path(path).read_bytes()

    def attempt(draw: random.Random) -> bool:
        path.write_bytes(tensors)
        manifest_path(path).write_bytes(manifest)
        if draw.random() < 0.5:
            path.write_bytes(garbled(tensors, draw))
        else:
            changed = mutated(json.loads(manifest), draw)
            manifest_path(path).write_text(json.dumps(changed))
        return refused(lambda: list(read_shard(path, pairs, model)))

    counted("cache", attempt)
