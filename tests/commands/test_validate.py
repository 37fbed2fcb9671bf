"""`head-patching validate`: its options, and one model from end to end."""

import json
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.commands._planting import (
    models_in_turn,
    noise_level,
    planted_models,
    seed_numbers,
)
from head_patching.planted.circuit import (
    ATTENTION,
    ROLES,
    WIRINGS,
    PlantedModel,
    draw_circuit,
)
from head_patching.roles import validation

CRITERIA = Path(__file__).parents[2] / "config" / "roles"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", [3]),
        ("0-3", [0, 1, 2, 3]),
        ("0-1,7,10-11", [0, 1, 7, 10, 11]),
        (" 4 , 6-6", [4, 6]),
    ],
)
def test_seeds(text, numbers):
    assert seed_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1,", "1-", "-1", "1-b", "1.5", "0-1-2"])
def test_wrong_seeds_are_named(text):
    with pytest.raises(ValueError, match="expected numbers or ranges like 0-9,12") as e:
        seed_numbers(text)
    assert repr(text) in str(e.value)


def test_noise_levels():
    assert noise_level("default", 0.7) == 0.7
    assert noise_level("0", 0.7) == 0
    assert noise_level("0.25", 0.7) == 0.25


@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "high", ""])
def test_wrong_noise_levels_are_named(text):
    with pytest.raises(ValueError, match="expected 'default' or a number from 0 on"):
        noise_level(text, 0.1)


def run(*options):
    words = ["validate", "--criteria", str(CRITERIA), "--threads", "1", *options]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_one_model_from_end_to_end(tmp_path):
    out, scores = tmp_path / "heads.csv", tmp_path / "scores.json"
    result = run(
        *["--architecture", "gpt2", "--seeds", "3", "--noise", "0", "--pairs", "12"],
        *["--task", "ioi", "--out", out, "--json", scores],
    )
    assert result.exit_code == 0, result.stderr
    circuit = draw_circuit(3, "gpt2")
    planted = {(head.layer, head.head) for heads in circuit.values() for head in heads}
    table = pd.read_csv(out)
    held = table[table["planted"] != "none"]
    assert set(zip(held["layer"], held["head"], strict=True)) == planted
    assert held["found"].tolist() == held["planted"].tolist()
    assert table[
        ["architecture", "noise", "seed"]
    ].drop_duplicates().values.tolist() == [["gpt2", 0, 3]]
    record = json.loads(scores.read_text())
    assert record["null_models"] == record["decoys"] == []
    assert [row["role"] for row in record["scores"]] == list(ROLES)
    for row in record["scores"]:
        n = len(circuit[row["role"]])
        assert (row["tp"], row["fp"], row["fn"]) == (n, 0, 0)
        assert row["recall_low"] == pytest.approx(0.025 ** (1 / n))
        assert row["role"] in result.stdout


def test_null_models_have_their_own_seeds(tmp_path, monkeypatch):
    """The models that are asked for, without measuring any."""
    asked = []

    def validated(planted, *_):
        asked.append((planted.architecture, planted.seed, bool(planted.without)))
        if len(asked) == 6:
            raise ValueError("that is all")
        return pd.DataFrame()

    monkeypatch.setattr(validation, "validate_model", validated)
    result = run(
        *["--architecture", "gpt2", "--architecture", "llama", "--seeds", "3-4"],
        *["--null-models", "--null-seeds", "7", "--out", tmp_path / "heads.csv"],
    )
    whole = [(name, seed, False) for name in ("gpt2", "llama") for seed in (3, 4)]
    assert asked == [*whole, ("gpt2", 7, True), ("llama", 7, True)]
    assert "that is all" in result.stderr


def test_models_of_every_combination_and_settings_in_turn():
    models = planted_models(
        {
            "architecture": ["llama"],
            "redundancy": [None, 2],
            "attention": ["by-seed"],
            "wiring": ["by-seed"],
        },
        "0-7",
    )
    assert [(each.redundancy, each.seed) for each in models] == [
        (redundancy, seed) for redundancy in (None, 2) for seed in range(8)
    ]
    # Eight successive seeds have every pair of the two once.
    pairs = [(each.attention, each.wiring) for each in models[:8]]
    assert sorted(pairs) == sorted(product(ATTENTION, WIRINGS))
    assert pairs == [(each.attention, each.wiring) for each in models[8:]]


def test_attention_and_wiring_go_with_redundancy_where_they_are_not_given():
    settings = {"architecture": ["gpt2"], "redundancy": [None, 3]}
    models = planted_models(settings | {"attention": [None], "wiring": [None]}, "0-3")
    assert models[:4] == [PlantedModel("gpt2", seed) for seed in range(4)]
    assert {each.attention for each in models[4:]} == {"saturated"}
    assert {each.wiring for each in models[4:]} == {*WIRINGS}


def test_few_seeds_of_both_architectures_have_every_kind():
    settings = {
        "architecture": ["gpt2", "llama"],
        "noise": [0.1],
        "redundancy": [None, 1, 2, 3],
        "attention": [None],
        "wiring": [None],
    }
    models = models_in_turn(settings, "0-1")
    assert [(each.architecture, each.redundancy, each.seed) for each in models] == [
        ("gpt2", None, 0), ("gpt2", 1, 1), ("llama", 2, 0), ("llama", 3, 1),
    ]  # fmt: skip
    # Also where the workflow asks for one architecture at a time.
    alone = models_in_turn(settings | {"architecture": ["llama"]}, "0-1")
    assert alone == models[2:]


def test_a_task_of_models_whose_heads_share_jobs(monkeypatch):
    asked = []

    def validated(planted, classifiers, *_):
        asked.append((planted.redundancy, [*classifiers]))
        if len(asked) == 2:
            raise ValueError("that is all")
        return pd.DataFrame()

    monkeypatch.setattr(validation, "validate_model", validated)
    run(
        *["--architecture", "gpt2", "--seeds", "3", "--task", "ioi"],
        *["--redundancy", "shared", "--redundancy", "2"],
        *["--task-of-shared", "induction"],
    )
    assert asked == [(None, ["ioi", "induction"]), (2, ["ioi"])]


def test_decoys_are_put_into_models_of_their_own(monkeypatch):
    asked = []

    def validated(planted, *_):
        asked.append((planted.seed, planted.decoys))
        if len(asked) == 3:
            raise ValueError("that is all")
        return pd.DataFrame()

    monkeypatch.setattr(validation, "validate_model", validated)
    run(
        *["--architecture", "gpt2", "--seeds", "3-4", "--decoys", "effect"],
        *["--decoys", "copying", "--decoy-seeds", "9"],
    )
    assert asked == [(3, ()), (4, ()), (9, ("effect", "copying"))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "gpt"], "unknown architecture 'gpt': did you mean 'gpt2'?"),
        (["--seeds", "x"], "seeds 'x': expected numbers"),
        (["--noise", "-1"], "noise '-1': expected 'default'"),
        (["--criteria", "missing"], "missing/ioi.yaml: no such file"),
        (["--task", "copying"], "unknown task 'copying': allowed: "),
        (["--null-seeds", "1"], "--null-seeds is of the models that --null-models"),
        (["--decoy-seeds", "1"], "--decoy-seeds is of the models that --decoys adds"),
        (["--noise", "0.1", "--noise", "default"], "noise 0.1, default: two of them"),
        (["--redundancy", "9"], "redundancy '9': expected 'shared' or a whole number"),
        (["--attention", "sharp"], "unknown attention 'sharp': "),
        (["--wiring", "place", "--wiring", "by-seed"], "by-seed stands beside a sett"),
        (["--decoys", "copies"], "unknown decoy 'copies': did you mean 'copying'?"),
    ],
)
def test_mistakes_give_one_line(options, message):
    result = run(*options)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
