"""`head-patching plant`: an ordinary checkpoint, its truth and a card."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.commands._planting import redundancy_level
from head_patching.planted.circuit import PlantedModel
from head_patching.tasks.ioi import ioi_pairs

SEED, DECOYS = 7, ("copying",)
MODELS = {
    "plain": ([], PlantedModel("gpt2", SEED)),
    "redundant": (
        ["--architecture", "llama", "--redundancy", "2"]
        + ["--wiring", "separate", "--decoys", "copying"]
        + ["--noise", "0.05"],
        PlantedModel("llama", SEED, 0.05, (), 2, "saturated", "separate", DECOYS),
    ),
}


def run(*options):
    return CliRunner().invoke(app, ["plant", *map(str, options)])


@pytest.fixture(scope="module", params=MODELS)
def folder(request, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("planted") / "below" / request.param
    result = run(*MODELS[request.param][0], "--seed", SEED, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return out


def test_transformers_loads_a_model_that_does_the_task(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    for pair in ioi_pairs(tokenizer, 15):
        # As anybody would call it: the tokenizer puts the start token before the words.
        logits = model(**tokenizer(pair.clean, return_tensors="pt")).logits[0, -1]
        answers = tokenizer.convert_tokens_to_ids([pair.answer, pair.wrong_answer])
        assert logits[answers[0]] > logits[answers[1]]


def test_transformer_lens_loads_the_same_model(folder):
    words = "When John and Mary went to the store, John gave a drink to"
    lens = TransformerBridge.boot_transformers(str(folder), device="cpu")
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokens = AutoTokenizer.from_pretrained(folder)(words, return_tensors="pt").input_ids
    with torch.no_grad():
        torch.testing.assert_close(
            lens(tokens), model(tokens).logits, rtol=0, atol=1e-4
        )
    assert (lens.cfg.n_layers, lens.cfg.n_heads) == (8, 8)


def test_the_truth_names_the_circuit(folder):
    record = json.loads((folder / "truth.json").read_text())
    planted = {
        role: {(head["layer"], head["head"]) for head in heads}
        for role, heads in record["roles"].items()
    }
    model = MODELS[folder.name][1]
    assert planted == {
        role: {(head.layer, head.head) for head in heads}
        for role, heads in model.circuit.items()
    }
    assert {decoy["kind"] for decoy in record["decoys"]} == {*model.decoys}
    assert (record["redundancy"], record["wiring"]) == (model.redundancy, model.wiring)
    assert (record["n_layers"], record["n_heads"]) == (8, 8)


def test_the_card_says_how_the_model_was_made(folder, tmp_path):
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    model = MODELS[folder.name][1]
    for role, heads in model.circuit.items():
        names = ", ".join(f"L{head.layer}H{head.head}" for head in heads)
        assert f"| {role} | {names} |" in card
    assert "undefined" not in card.lower()
    assert "{" not in card
    assert ("- `copying`: " in card) == bool(model.decoys)
    # Its command makes the same weights again.
    [line] = [
        line for line in card.splitlines() if line.startswith("$ head-patching pl")
    ]
    words = shlex.split(line)[3:]
    again = tmp_path / "again"
    assert run(*words[:-1], again).exit_code == 0
    for file in ("model.safetensors", "truth.json", "config.json", "tokenizer.json"):
        assert (again / file).read_bytes() == (folder / file).read_bytes()


def test_the_truth_scores_as_all_right(folder, tmp_path):
    record = json.loads((folder / "truth.json").read_text())
    lines = [
        f"{head['layer']},{head['head']},{role}\n"
        for role, heads in record["roles"].items()
        for head in heads
    ]
    (tmp_path / "heads.csv").write_text("layer,head,role\n" + "".join(lines))
    files = ["--truth", folder / "truth.json", "--heads", tmp_path / "heads.csv"]
    result = CliRunner().invoke(app, ["score", *map(str, files)])
    pooled = next(line for line in result.stdout.splitlines() if "all roles" in line)
    assert pooled.split()[2:5] == [str(len(lines)), "0", "0"]


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = run("--out", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {tmp_path} is there already, and not empty: name a new folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "gpt"], "unknown architecture 'gpt': did you mean 'gpt2'?"),
        (["--redundancy", "0"], "redundancy '0': expected 'shared' or a whole number"),
        (["--redundancy", "two"], "redundancy 'two': expected 'shared' or a whole num"),
        (["--attention", "hard"], "unknown attention 'hard': allowed: soft, saturated"),
        (["--wiring", "token,place"], "unknown wiring 'token,place': did you mean"),
        (["--decoys", "efect"], "unknown decoy 'efect': did you mean 'effect'?"),
        (["--without", "mover"], "unknown role 'mover': did you mean 'name mover'?"),
        (["--noise", "-1"], "noise '-1': expected 'default' or a number from 0 on"),
        (["--layers", "4"], "a planted model has at least 8 layers and 8 heads"),
    ],
)
def test_mistakes_give_one_line_and_write_nothing(tmp_path, options, message):
    result = run(*options, "--out", tmp_path / "model")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}"), result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_redundancy_levels():
    assert [redundancy_level(text) for text in ("shared", "1", "3")] == [None, 1, 3]
