"""Wrong options, prompts, models, files: each gives its message in docs/errors.md."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from safetensors.torch import load_file, save_file

from head_patching.files.provenance import write_record
from head_patching.files.writing import write_dataset, write_table
from head_patching.models.devices import find_device
from head_patching.models.loading import load_model
from head_patching.patching.attribution import estimate_changes
from head_patching.tasks.pairs import PromptPairs
from tests.architectures import random_pairs
from tests.errors.command_lines import (
    Arguments,
    cached,
    check,
    made_pairs,
    patched,
    summarised,
)
from tests.tables import complete

PAIR = random_pairs(seed=5)[0]
# No machine has both.
ABSENT = "mps" if find_device("auto") != "mps" else "cuda"


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
    write_record({}, "patched.nc")
    return other_bit("patched.nc", summarised())


def table_of_an_older_version() -> Arguments:
    Path("roles.run.json").write_text('{"schema_version": 1}')
    return summarised_validation("roles.csv")


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


def estimated_elsewhere() -> Arguments:
    """Estimates of prompts with another corruption, and a chosen head."""
    pairs = PromptPairs.read("pairs.jsonl")
    estimates = estimate_changes(load_model("model"), pairs)
    write_dataset("estimates.nc", estimates.assign_attrs(corruption="another"))
    chosen = pd.DataFrame({"layer": [0], "head": [1], "reason": "random"})
    write_table("chosen_heads", "chosen.csv", chosen.assign(estimate=0.0))
    return patched("--chosen-heads", "chosen.csv", "--estimates", "estimates.nc")


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
        "--task", "ioi", "--groups", "groups.nc", "--redundant-below", "0.5",
        "--necessary-above", "1.5", "--out-groups", "out/e.csv",
        "--out-members", "out/f.csv",
    ]  # fmt: skip


def summarised_validation(file: str) -> Arguments:
    return ["summarise-validation", "--out", "out/a.csv", file] + [
        "--out-confusion", "out/b.csv", "--out-null-models", "out/c.csv",
        "--out-decoys", "out/d.csv", "--out-pooled", "out/e.csv",
    ]  # fmt: skip


def validation_twice() -> Arguments:
    model = {
        "architecture": ["gpt2"] * 2,
        "noise": 0.1,
        "seed": 0,
        "without": "nothing",
    }
    rows = pd.DataFrame(model | {"task": "ioi", "found": "no role"})
    write_table("validation", "planted.csv", complete("validation", rows))
    return summarised_validation("planted.csv")


def scored(heads: str, truth: str = "planted/checkpoint/truth.json") -> Arguments:
    Path("heads.csv").write_text(f"layer,head,role\n{heads}\n")
    return ["score", "--truth", truth, "--heads", "heads.csv", "--out", "out/a.csv"]


COMMANDS: dict[str, Callable[[], Arguments]] = {
    "a missing option": lambda: patched()[:-2],
    "an option that is no number": lambda: made_pairs("planted", "many"),
    "an unknown subcommand": lambda: ["pach"],
    "an unknown patch type": lambda: patched(kind="ouput"),
    "an unknown device": lambda: patched("--device", "gpu"),
    "a device that is not there": lambda: patched("--device", ABSENT),
    "an unknown precision": lambda: patched("--dtype", "float16"),
    "an unknown direction": lambda: patched(direction="denoise"),
    "an unknown position": lambda: patched("--position", "EDN"),
    "a position beyond the prompt": lambda: patched("--position", "99"),
    "an unknown corruption": lambda: made_pairs("planted", "3", "s2_io"),
    "two directions and one file": lambda: patched("--direction", "denoising"),
    "chosen heads without estimates of the others": lambda: patched(
        "--chosen-heads", "roles.csv"
    ),
    "more pairs to patch than there are": lambda: patched("--n-pairs", "6"),
    "truths and lists of heads that are not as many": lambda: [
        *scored("6,1,induction"),
        *["--truth", "other.json"],
    ],
    "a folder with files for a planted model": lambda: ["plant", "--out", "planted"],
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
    "a checkpoint that is cut short": lambda: cut_then(
        "gpt2/model.safetensors", ["prepare-model", "--model", "gpt2", "--out", "out"]
    ),
    "a folder that is no prepared model": lambda: [
        word if word != "model" else "nowhere" for word in patched()
    ],
    "a tokenizer cut short or changed": lambda: cut_then(
        "model/checkpoint/tokenizer.json", made_pairs("model", "3")
    ),
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
    "estimates of other prompts": estimated_elsewhere,
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
    "a list of heads with an unknown role": lambda: scored("6,1,mover"),
    "a list with a head that the model does not have": lambda: scored("12,1,induction"),
    "a truth that is another record": lambda: scored("", "model/model.json"),
    "a file of an older version": lambda: other_version(1),
    "a table of an older version": table_of_an_older_version,
    "a file of a newer version": lambda: other_version(99),
    "a planted model counted twice": validation_twice,
    "a table without a column": lambda: with_text(
        "v.csv",
        "architecture,noise,redundancy,attention,wiring,decoys\na,0.1,a,a,a,a\n",
        summarised_validation("v.csv"),
    ),
    "another output below a file": lambda: with_text(
        "other",
        "a file",
        [*summarised_validation("none.csv"), "--out-confusion", "other/b.csv"],
    ),
    "a file in the place of the results folder": blocked_folder,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_input_gives_its_message(name: str, place: Path) -> None:
    check(name, COMMANDS[name]())
