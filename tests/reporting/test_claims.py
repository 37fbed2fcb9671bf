"""Verdicts on claims: within a tolerance, outside it, and between words."""

import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from head_patching.files.provenance import flat
from head_patching.files.records import read_record
from head_patching.reporting.chapter import chapter_numbers, numbers_table
from head_patching.reporting.claims import (
    Claim,
    effects_by_head,
    other_settings,
    read_claims,
    verify,
)
from head_patching.reporting.select import effects_of

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "reference/claims.yaml"

TOP = Claim("top", "s", "w", 2e-4, ("ioi/denoising/output/top-effect",))
NAME = Claim("name", "s", "w", 0.0, ("ioi/denoising/output/top-head",))
ALL = Claim("all", "s", "w", 2e-4, task="ioi")


def verdicts(claims, expected, obtained):
    """id -> whether it holds, and the whole table."""
    sides = [
        (
            numbers_table(chapter_numbers(each)),
            effects_by_head(each.by_task("effects")),
        )
        for each in (expected, obtained)
    ]
    (numbers, effects), (other_numbers, other_effects) = sides
    table = verify(claims, numbers, other_numbers, effects, other_effects)
    return dict(zip(table["id"], table["holds"] == 1, strict=True)), table


def moved(tables, by, direction="denoising"):
    """The tables with the strongest head's effect moved."""
    effects = tables["effects"].copy()
    effects.loc[effects_of(effects, direction).index[0], "effect"] += by
    return tables.but(effects=effects)


def test_the_same_results_hold(tables):
    held, table = verdicts([TOP, NAME, ALL], tables, tables)
    assert all(held.values())
    assert (table["difference"] == 0).all()


def test_a_change_within_the_tolerance_holds_and_one_beyond_does_not(tables):
    held, _ = verdicts([TOP, NAME, ALL], tables, moved(tables, 1e-4))
    assert held == {"top": True, "name": True, "all": True}
    held, table = verdicts([TOP, NAME, ALL], tables, moved(tables, 3e-4))
    assert held == {"top": False, "name": True, "all": False}
    row = table.set_index("id").loc["all"]
    top = effects_of(tables["effects"], "denoising").iloc[0]
    assert row["obtained"].startswith(f"L{top['layer']}H{top['head']} denoising output")
    assert row["difference"] == pytest.approx(3e-4)


def test_another_head_is_no_matter_of_tolerance(tables):
    held, table = verdicts([NAME], tables, moved(tables, -0.4))
    assert held == {"name": False}
    assert table["difference"].tolist() == [float("inf")]


def test_what_is_missing_does_not_hold(tables):
    fewer = tables["effects"].drop(effects_of(tables["effects"], "noising").index[-1])
    held, _ = verdicts([ALL], tables, tables.but(effects=fewer))
    assert held == {"all": False}
    unknown = Claim("unknown", "s", "w", 1.0, ("ioi/no-such-number",))
    held, table = verdicts([unknown], tables, tables)
    assert held == {"unknown": False}
    assert table["obtained"].tolist() == ["missing"]
    other_task = dataclasses.replace(ALL, task="induction")
    assert verdicts([other_task], tables, tables)[0] == {"all": False}


def test_a_list_that_is_cut_short_is_compared_as_a_whole(tables):
    """The text names eight heads, not the weakest important one."""
    others = effects_of(tables["effects"], "denoising").query("important == 0").index
    effects = tables["effects"].copy()
    effects.loc[others[:9], "important"] = 1
    many = tables.but(effects=effects)
    effects = effects.copy()
    effects.loc[others[8], "important"] = 0
    effects.loc[others[9], "important"] = 1
    claim = Claim("set", "s", "w", 0.0, ("ioi/important/denoising/heads",))
    swapped = tables.but(effects=effects)
    held, _ = verdicts([claim], many, swapped)
    assert held == {"set": False}
    assert verdicts([claim], many, many)[0] == {"set": True}


def test_the_reference_has_the_settings_of_the_config():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    settings = read_record(ROOT / "reference/settings.json")
    assert other_settings(settings, json.loads(json.dumps(flat(config)))) == []


def test_settings_are_compared_but_for_those_without_effect():
    reference = {"tasks.ioi.seed": 1, "threads": 4}
    assert other_settings(reference, {"tasks.ioi.seed": 1, "threads": 2}) == []
    assert other_settings(reference, {"tasks.ioi.seed": 2, "models": ["x"]}) == [
        "models is ['x'], expected absent",
        "tasks.ioi.seed is 2, expected 1",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tolerance: share", "tolerance: shared"), "'shared', expected one of exact"),
        (("id: settings", "id: model"), "there are two claims 'model'"),
        (("keys: [ioi/data/n-pairs", "key: [ioi/data/n-pairs"), "'ioi-pairs' has the"),
        (("    task: ioi", "    task: ''"), "'ioi-effects' has the fields id,"),
        (("claims:", "claim:"), "is not a file of claims: 'claims'"),
        (("tolerances:", "tolerances: ["), "is not a file of claims"),
    ],
)
def test_a_wrong_claim_is_named(change, message, tmp_path):
    text = CLAIMS.read_text(encoding="utf-8")
    file = tmp_path / "claims.yaml"
    file.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_claims(file)


def test_every_number_of_summary_and_conclusion_is_claimed():
    text = (ROOT / "paper/chapter.tex").read_text(encoding="utf-8")
    text = re.sub(r"(?<!\\)%.*", "", text)
    read: set[str] = set()
    for first, last in (
        (r"\begin{quotation}", r"\end{quotation}"),
        (r"\section{Conclusion}", r"\section{Reproducibility}"),
    ):
        part = text[text.index(first) : text.index(last)]
        assert r"\result" in part
        read |= set(re.findall(r"\\(?:if)?result\{([^{}]+)\}", part))
        for key in re.findall(r"\\countedheads\{([^{}]+)\}", part):
            read |= {f"{key}/n-words", f"{key}/one"}
        for key in re.findall(r"\\howmany\{([^{}]+)\}", part):
            read |= {f"{key}/n-words", f"{key}/found"}
    assert read <= {key for claim in read_claims(CLAIMS) for key in claim.keys}


def test_no_effect_of_the_reference_is_so_near_the_threshold_that_counts_could_flip():
    effects = pd.read_csv(ROOT / "reference/effects.csv")
    settings = read_record(ROOT / "reference/settings.json")
    threshold = settings["importance.threshold"]
    outputs = effects[["denoising_output", "noising_output"]]
    assert (outputs.abs() - threshold).abs().min(axis=None) > 5e-5


def test_the_reference_has_a_value_for_every_claim():
    values = pd.read_csv(ROOT / "reference/values.csv", dtype=str)
    claims = read_claims(CLAIMS)
    assert {key for claim in claims for key in claim.keys} == set(values["key"])
    tasks = set(pd.read_csv(ROOT / "reference/effects.csv")["task"])
    assert {claim.task for claim in claims if claim.task} == tasks
