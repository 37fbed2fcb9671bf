"""`head-patching score`: somebody's list of heads against planted circuits."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.files.schema import SCHEMA_VERSION
from head_patching.files.tables import read_table

MOVER, INHIBITION, INDUCTION = "name mover", "S-inhibition", "induction"
FIRST = {MOVER: [(6, 1), (6, 2)], INHIBITION: [(4, 0), (4, 3)]}
SECOND = {MOVER: [(6, 1)], INDUCTION: [(2, 2)]}


def truth(path: Path, roles) -> Path:
    """A truth.json of an 8 x 8 model; nothing else in it is read."""
    heads = {
        role: [{"layer": layer, "head": head} for layer, head in members]
        for role, members in roles.items()
    }
    record = {"roles": heads, "n_layers": 8, "n_heads": 8}
    path.write_text(json.dumps(record | {"schema_version": SCHEMA_VERSION}))
    return path


def heads(path: Path, *lines: str, header: str = "layer,head,role") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def run(*options):
    return CliRunner().invoke(app, ["score", *map(str, options)])


@pytest.fixture
def two_models(tmp_path):
    """Options: of the first model one head is missed, two are wrong."""
    first = heads(
        tmp_path / "first.csv",
        f"6,1,{MOVER}",
        f"6,2,{MOVER}",
        f"4,0,{INHIBITION}",
        f"4,0,{MOVER}",  # a second role, which is not the head's
        "4,3,undecided",
        "7,7,copy suppression of S",  # never planted
        "0,0,no role",
    )
    # The columns in another order, and one more.
    second = heads(
        tmp_path / "second.csv", f"{MOVER},0.9,1,6", header="role,sure,head,layer"
    )
    return [
        *["--truth", truth(tmp_path / "1.json", FIRST), "--heads", first],
        *["--truth", truth(tmp_path / "2.json", SECOND), "--heads", second],
    ]


def test_scores_by_hand(two_models, tmp_path):
    out = tmp_path / "scores.csv"
    result = run(*two_models, "--out", out)
    assert result.exit_code == 0, result.stderr
    table = read_table("list_scores", out).set_index("role")
    counts = {row.Index: (row.tp, row.fp, row.fn) for row in table.itertuples()}
    assert counts == {
        MOVER: (3, 1, 0),
        "copy suppression of S": (0, 1, 0),
        INHIBITION: (1, 0, 1),
        INDUCTION: (0, 0, 1),
        "all roles": (4, 2, 2),
    }
    assert (table["n_models"] == 2).all()
    pooled = table.loc["all roles"]
    assert pooled["precision"] == pytest.approx(4 / 6, abs=1e-6)
    assert pooled["recall"] == pytest.approx(4 / 6, abs=1e-6)
    # All 3 of 3: 2.5 % would be as good by chance at the low end.
    assert table.loc[MOVER, "recall_low"] == pytest.approx(0.025 ** (1 / 3), abs=1e-6)
    assert table.loc[MOVER, "recall_high"] == 1
    # Nobody was named: no precision.
    assert pd.isna(table.loc[INDUCTION, "precision"])


def test_the_terminal_says_the_same_and_what_is_pooled(two_models):
    result = run(*two_models, "--level", "0.9")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "role right wrong missed precision recall"
    assert lines[1] == f"{MOVER} 3 1 0 0.75 [0.25, 0.99] 1.00 [0.37, 1.00]"
    assert lines[4] == f"{INDUCTION} 0 0 1 -- -- 0.00 [0.00, 0.95]"
    said = " ".join(result.stdout.split())
    assert "Heads of 2 models are pooled" in said
    assert "Clopper-Pearson at 90 % over heads" in said


def test_a_list_may_be_empty(tmp_path):
    options = ["--truth", truth(tmp_path / "t.json", SECOND)]
    out = tmp_path / "out.csv"
    run(*options, "--heads", heads(tmp_path / "h.csv"), "--out", out)
    table = read_table("list_scores", out).set_index("role")
    assert (table["recall"] == 0).all()
    assert table["precision"].isna().all()


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["6,1"], "layer,head", "h.csv: column 'role' is missing: a list of heads has"),
        (["six,1,induction"], "layer,head,role", "h.csv, line 2: layer is 'six', exp"),
        (["6,1.5,induction"], "layer,head,role", "h.csv, line 2: head is '1.5', expec"),
        (["6,,induction"], "layer,head,role", "h.csv, line 2: head is nan, expected 0"),
        (["8,1,induction"], "layer,head,role", "h.csv, line 2: layer is 8, expected 0"),
        (["6,-1,induction"], "layer,head,role", "h.csv, line 2: head is -1, expected "),
        (
            ["6,1,no role", "6,1,inducton"],
            "layer,head,role",
            "h.csv, line 3: unknown role 'inducton': did you mean 'induction'? allowed",
        ),
        (["6,1,a,b"], "layer,head,role", "h.csv is not a table, or damaged"),
    ],
)
def test_a_wrong_list_gives_one_line(tmp_path, monkeypatch, lines, header, message):
    monkeypatch.chdir(tmp_path)
    heads(Path("h.csv"), *lines, header=header)
    result = run("--truth", truth(Path("t.json"), FIRST), "--heads", "h.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}"), result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roles": {"inducton": []}}, "t.json: unknown role 'inducton': did you mean"),
        ({"roles": {MOVER: [{"layer": 1}]}}, "t.json: roles.name mover.0 is {'layer'"),
        ({"roles": [1]}, "t.json: roles is [1], expected type object"),
        ({"schema_version": 99}, "t.json: schema version 99 is of a newer"),
        ({"n_layers": "8"}, "t.json: n_layers is '8', expected type integer"),
    ],
)
def test_a_wrong_truth_gives_one_line(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    record = json.loads(truth(Path("t.json"), FIRST).read_text())
    Path("t.json").write_text(json.dumps(record | change))
    result = run("--truth", "t.json", "--heads", heads(Path("h.csv")))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}"), result.stderr
    assert result.stderr.count("\n") == 1


def test_truths_and_lists_must_be_pairs(two_models):
    result = run(*two_models[:6])
    expected = "error: truths (--truth): 2, lists of heads (--heads): 1; expected a"
    assert result.stderr.startswith(expected)
    result = run(*two_models[:4], *two_models[:4])
    assert result.stderr.startswith("error: a truth is given twice")
    result = run(*two_models, "--level", "95")
    assert result.stderr == "error: level must lie between 0 and 1, got 95.0\n"
