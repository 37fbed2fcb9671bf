"""The summary of a build, from synthetic results and from parts of them."""

from pathlib import Path

import pandas as pd
import pytest

from head_patching.files.folders import Folders
from head_patching.files.register import columns
from head_patching.files.writing import write_csv
from head_patching.reporting import summary as lines
from head_patching.reporting.sources import TablesInFolders
from head_patching.reporting.summary import summary
from tests.reporting.given import GivenTables


def effects(*rows: tuple[str, int, int, float, int]) -> pd.DataFrame:
    """Effects of outputs: direction, layer, head, effect, important."""
    names = ["direction", "layer", "head", "effect", "important"]
    return pd.DataFrame(rows, columns=names).assign(patch_type="output")


def roles(*rows: tuple[int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["layer", "head", "role"])


def test_the_strongest_important_heads_come_first_with_all_their_roles() -> None:
    table = effects(
        ("denoising", 0, 1, 0.9, 0),  # not important
        ("denoising", 9, 6, 0.25, 1),
        ("denoising", 8, 2, -0.5, 1),
        ("denoising", 7, 7, 0.125, 1),
        ("denoising", 6, 6, 0.1, 1),
        ("noising", 1, 1, 0.8, 1),
    )
    found = roles((9, 6, "name mover"), (8, 2, "S-inhibition"), (8, 2, "induction"))
    _, text = lines.heads_line(table, found)
    assert text.replace("\N{NO-BREAK SPACE}", " ") == (
        "L8H2 -0.50 S-inhibition and induction; L9H6 +0.25 name mover; L7H7 +0.12"
    )


def test_no_important_head_is_said() -> None:
    table = effects(("denoising", 0, 1, 0.1, 0), ("noising", 0, 1, 0.2, 1))
    _, text = lines.heads_line(table, roles())
    assert text == "no head is important in denoising"


def test_behaviour_is_that_of_all_pairs() -> None:
    rows = [
        ("all", "clean", "logit_diff", 3.456),
        ("all", "corrupt", "logit_diff", -2.0),
        ("all", "clean", "accuracy", 0.875),
        ("first template", "clean", "accuracy", 0.1),
    ]
    table = pd.DataFrame(rows, columns=["group", "run", "metric", "mean"])
    given = lines.behaviour_line("ioi", table.assign(n_pairs=16))
    assert given == (
        "ioi",
        "accuracy 88 % of 16 pairs; logit_diff +3.46 clean, -2.00 corrupt",
    )


def test_the_check_is_that_of_the_worst_task() -> None:
    good = {"max_abs_diff": 2e-6, "tolerance": 1e-4}
    bad = {"max_abs_diff": 3e-4, "tolerance": 1e-4}
    assert lines.check_line({"ioi": good, "induction": good})[1].startswith("passed")
    _, text = lines.check_line({"ioi": good, "induction": bad})
    assert text.startswith("FAILED")
    assert "3e-04" in text


def test_validation_says_the_lowest_rates_at_the_default_noise() -> None:
    names = ["precision", "recall", "fp", "fn", "is_default"]
    rows = [(1.0, 0.75, 0, 5, 1), (0.9, 1.0, 1, 0, 1), (0.1, 0.1, 9, 9, 0)]
    table = pd.DataFrame(rows, columns=names)
    assert "precision 0.90, recall 0.75 at least" in lines.validation_line(table)[1]
    assert "every planted head" in lines.validation_line(
        table.assign(fp=0, fn=0)
    )[1]  # fmt: skip


def test_a_whole_build_has_ten_lines_that_fit_into_a_terminal(
    tables: GivenTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "path", lambda name, task="": tmp_path / "x.json")
    for file in ("paper/chapter.pdf", "figures/ioi/a.pdf", "tables/b.tex"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setattr(lines, "places", lambda _: [("chapter", "x"), ("figures", "y")])
    given = summary(tables)
    assert [line.split("  ")[0] for line in given if line[0] != " "] == [
        "model",
        tables.tasks[0],
        "self-check",
        "validation",
        "chapter",
        "figures",
    ]
    assert len(given) <= 10
    assert max(map(len, given)) <= 79


def test_places_are_those_that_exist(tmp_path: Path) -> None:
    assert lines.places(tmp_path) == []
    for file in ("figures/ioi/a.pdf", "figures/b.pdf", "tables/ioi/c.tex"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert lines.places(tmp_path) == [
        (
            "figures",
            f"{tmp_path}/figures/ (2 figures), {tmp_path}/tables/ (1 tables)",
        )
    ]


def test_what_was_not_made_has_no_line(tmp_path: Path) -> None:
    folder = tmp_path / "m/ioi/abc"
    made = TablesInFolders(Folders(tmp_path, tmp_path / "m", {"ioi": folder}), [])
    assert summary(made) == []
    rows = [
        ("all", run, "logit_diff", 1.0, 0.0, 2.0, 4) for run in ("clean", "corrupt")
    ]
    rows.append(("all", "clean", "accuracy", 1.0, 0.5, 1.0, 4))
    write_csv(
        folder / "behaviour.csv", pd.DataFrame(rows, columns=columns("behaviour"))
    )
    made = TablesInFolders(Folders(tmp_path, tmp_path / "m", {"ioi": folder}), [])
    assert summary(made) == [
        "ioi  accuracy 100 % of 4 pairs; logit_diff +1.00 clean, +1.00 corrupt"
    ]
