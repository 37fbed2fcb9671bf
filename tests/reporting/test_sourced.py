"""Numbers know the files they come from, and files the rules that make them."""

import dataclasses

import pytest

from head_patching.reporting.numbers import (
    build_numbers,
    numbers_table,
    sourced_numbers,
)
from head_patching.reporting.origins import origins, rule_of


def files_of(results, key):
    """Names of a number's files, without their folder."""
    return {path.rsplit("/", 1)[1] for path in sourced_numbers([results])[key].files}


@pytest.mark.parametrize(
    ("key", "files"),
    [
        ("ioi/denoising/output/top-effect", {"effects.csv"}),
        ("ioi/behaviour/clean-logit-diff", {"behaviour.csv"}),
        ("ioi/data/n-pairs", {"pairs.jsonl"}),
        ("ioi/roles/decided/n", {"effects.csv", "roles.csv", "role_criteria.csv"}),
        ("validation/default/lowest-recall", {"scores.csv", "null_models.csv"}),
        ("model/name", {"model.json"}),
        ("settings/threshold", {"provenance.json"}),
    ],
)
def test_a_number_names_the_files_that_were_read_for_it(results, key, files):
    assert files_of(results, key) == files


def test_no_other_file_than_those_named_changes_a_number(results):
    """Effects are doubled: numbers that do not name effects.csv stay."""
    doubled = results.effects.assign(effect=2 * results.effects["effect"])
    changed = build_numbers([dataclasses.replace(results, effects=doubled)])
    before = sourced_numbers([results])
    different = {key for key, each in before.items() if each.text != changed[key]}
    assert different
    for key in different:
        assert "effects.csv" in {path.rsplit("/", 1)[1] for path in before[key].files}


def test_the_table_has_what_numbers_were_rounded_from(results):
    table = numbers_table(sourced_numbers([results])).set_index("key")
    top = results.effects_of("denoising").iloc[0]
    assert float(
        table.loc["ioi/denoising/output/top-effect", "exact"]
    ) == pytest.approx(top["effect"])
    low, high = table.loc["ioi/denoising/output/top-interval", "exact"].split()
    assert (float(low), float(high)) == pytest.approx((top["ci_low"], top["ci_high"]))
    assert table.loc["ioi/denoising/output/top-head", "exact"] == ""


PROVENANCE = {
    "rules": {
        "results/{model}/{task}/{corruption}/effects.csv": "summarise_effects",
        "results/{model}/{task}/{corruption}/{anything}.csv": "something_else",
    },
    "runs": {
        "results/m/ioi/c/effects.run.json": {
            "command": "head-patching summarise-effects"
            " --out results/m/ioi/c/effects.csv"
            " results/m/ioi/c/patching/denoising_output.nc",
            "inputs": {"results/m/ioi/c/patching/denoising_output.nc": "ab12"},
        }
    },
}


def test_a_number_is_traced_to_rule_command_and_inputs(results):
    table = numbers_table(sourced_numbers([results]))
    file = "results/m/ioi/c/effects.csv"
    table.loc[table["key"] == "ioi/denoising/output/top-effect", "files"] = file
    row, (found,) = origins("ioi/denoising/output/top-effect", table, PROVENANCE)
    assert row["text"].startswith(r"\ensuremath{+0.4")
    assert (found.file, found.rule) == (file, "summarise_effects")
    assert found.command.startswith("head-patching summarise-effects")
    assert found.inputs == {"results/m/ioi/c/patching/denoising_output.nc": "ab12"}


def test_an_unknown_number_names_near_ones(results):
    table = numbers_table(sourced_numbers([results]))
    with pytest.raises(ValueError, match=r"top-effec.*ioi/denoising/output/top-effect"):
        origins("output/top-effec", table, PROVENANCE)


def test_a_rule_is_found_by_the_most_definite_pattern():
    rules = PROVENANCE["rules"]
    assert rule_of("results/m/ioi/c/effects.csv", rules) == "summarise_effects"
    assert rule_of("results/m/ioi/c/roles.csv", rules) == "something_else"
    assert rule_of("results/m/ioi/effects.csv", rules) == ""
    figures = {"results/figures/{figure}.pdf": "draw_figure"}
    assert rule_of("results/figures/ioi/circuit.pdf", figures) == "draw_figure"
