"""Cells, seeds and the course of the scoring on frozen criteria, without any model."""

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import score_roles
from benchmarks.score_roles import score_all, seeds_of
from head_patching.files.writing import write_table
from head_patching.planted.circuit import ROLES
from head_patching.roles.cells import Cell, cells
from tests.tables import made

COMMIT = "81203eb" + 33 * "0"
WHOLE = Cell("whole", "gpt2", 2, "saturated", "place")


def test_every_cell_that_is_asked_for_is_there_once():
    names = [cell.name for cell in cells()]
    assert len({*names}) == len(names)
    kinds = pd.Series([name.split("-")[0] for name in names]).value_counts()
    # Two architectures; shared and redundancy 1 to 3; soft and saturated; four wirings.
    # Null models: no circuit, and each role left out.
    assert kinds.to_dict() == {
        "whole": 2 * 4 * 2 * 4,
        "without": 2 * 4 * (1 + len(ROLES)),
        "decoys": 2 * 4,
        "told": 2 * 4 * 2 * 4,
    }
    assert "whole-llama-shared-soft-both" in names
    assert "without-gpt2-3-any_role" in names


def test_a_cells_models_are_of_its_kind():
    model = WHOLE.model(5)
    assert (model.architecture, model.redundancy, model.seed) == ("gpt2", 2, 5)
    assert (model.attention, model.wiring) == ("saturated", "place")
    null = Cell("without", "llama", None, without=("induction",))
    models = [null.model(seed) for seed in range(8)]
    assert len({(each.attention, each.wiring) for each in models}) == 8
    assert {each.without for each in models} == {("induction",)}


def test_seeds_follow_from_the_commit_alone_and_were_never_used():
    seeds = seeds_of(COMMIT)
    assert seeds == seeds_of(COMMIT)
    assert len({*seeds}) == 20
    assert not {*seeds} & {*range(50)}
    assert not {*seeds} & {*seeds_of("a" * 40)}


def test_no_commit_and_a_commit_with_other_criteria_are_refused(monkeypatch):
    with pytest.raises(SystemExit, match="nothing is no commit of this repository"):
        score_roles.frozen_commit("nothing")
    changed = {"rev-parse": COMMIT, "diff": "config/roles/ioi.yaml", "ls-files": ""}
    monkeypatch.setattr(score_roles, "git", lambda command, *_: changed[command])
    with pytest.raises(SystemExit, match=r"ioi\.yaml changed since 81203eb00000: fr"):
        score_roles.frozen_commit("HEAD")
    monkeypatch.setitem(changed, "diff", "")
    assert score_roles.frozen_commit("HEAD") == COMMIT


class Here:
    """An executor that scores at once, in this process."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *given):
        future = Future()
        try:
            future.set_result(function(*given))
        except ValueError as error:
            future.set_exception(error)
        return future


def write_model(cell: Cell, seed: int, path: Path) -> float:
    """One induction head, found, and one name mover, missed where the seed is odd."""
    found = "undecided" if seed % 2 else "name mover"
    rows = [(0, "induction", "induction"), (1, "name mover", found)]
    names = {"architecture": cell.architecture, "redundancy": cell.redundancy}
    names |= {"attention": cell.attention, "wiring": cell.wiring, "noise": 0.1}
    names |= {"without": "nothing", "decoys": "none", "decoy": "none", "task": "ioi"}
    table = made("validation", "head planted found", rows, seed=seed, layer=1, **names)
    write_table("validation", path, table)
    return 2.0


def test_all_models_are_scored_and_summarised(tmp_path, monkeypatch):
    monkeypatch.setattr(score_roles, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(score_roles, "score_model", write_model)
    seeds = seeds_of(COMMIT)
    folder = tmp_path / "models" / WHOLE.name
    models = [(WHOLE, seed, folder / f"{seed}.csv") for seed in seeds]
    assert score_all(models, processes=3, minutes=1) == (40.0, [])
    table, _ = score_roles.summarise(COMMIT, tmp_path)
    rows = {row.role: row for row in table.itertuples()}
    n_even = sum(seed % 2 == 0 for seed in seeds)
    assert (rows["induction"].tp, rows["induction"].fn) == (20, 0)
    assert (rows["name mover"].tp, rows["name mover"].fn) == (n_even, 20 - n_even)
    assert [rows[role].holds for role in ("induction", "name mover")] == [1, 0]
    assert rows["induction"].n_models == 20
    assert rows["induction"].recall_told != rows["induction"].recall_told  # not scored
    # The same models, of which the trace is told the circuit.
    of_told = replace(WHOLE, kind="told")
    folder = tmp_path / "models" / of_told.name
    assert score_all([(of_told, seeds[0], folder / f"{seeds[0]}.csv")], 1, 1)[0] == 2
    table, _ = score_roles.summarise(COMMIT, tmp_path)
    rows = {row.role: row for row in table.itertuples()}
    assert (rows["induction"].recall_told, rows["induction"].n_told) == (1, 1)
    assert rows["name mover"].recall_told == (seeds[0] % 2 == 0)
    assert rows["induction"].n_models == 20
    # Without the time for one, none is begun.
    assert score_all(models, processes=3, minutes=0) == (0.0, [])


def test_a_model_that_cannot_be_made_is_named_and_ends_nothing(tmp_path, monkeypatch):
    def no_room(cell, seed, path):
        if seed == 1:
            raise ValueError("no layer has room")
        return 1.0

    monkeypatch.setattr(score_roles, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(score_roles, "score_model", no_room)
    models = [(WHOLE, seed, tmp_path / f"{seed}.csv") for seed in (1, 2)]
    spent, failed = score_all(models, processes=1, minutes=1)
    assert (spent, failed) == (1.0, [f"{WHOLE.name}, seed 1: no layer has room"])
