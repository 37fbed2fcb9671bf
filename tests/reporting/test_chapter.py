"""All numbers and tables of the chapter: found, written, and traced to their files."""

import pytest

from head_patching.reporting.chapter import (
    chapter_numbers,
    numbers_table,
    write_numbers,
    write_tables,
)
from head_patching.reporting.discovery import latex_tables
from head_patching.reporting.origins import origins, rule_of
from head_patching.reporting.select import effects_of

TABLES = [*latex_tables(of_task=True), *latex_tables(of_task=False)]


@pytest.fixture(scope="module")
def numbers(tables):
    """All numbers of the synthetic results."""
    return chapter_numbers(tables)


@pytest.mark.parametrize("found", TABLES, ids=lambda found: found.name)
def test_a_table_is_one_booktabs_tabular_and_a_newline(tables, found):
    latex = tables.call(found.function)
    assert latex.startswith(r"\begin{tabular}")
    assert latex.endswith("\\end{tabular}\n")
    assert latex.count(r"\toprule") == 1
    assert "nan" not in latex.lower().replace("and", "")
    for unwanted in (r"\begin{table}", r"\caption", r"\label", r"\centering", "|"):
        assert unwanted not in latex


def test_all_tables_are_written_the_same_twice(tables, tmp_path):
    first, second = (
        [
            path.read_bytes()
            for task in ("", "ioi")
            for path in write_tables(tables, tmp_path / copy, task)
        ]
        for copy in "ab"
    )
    assert first == second
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(f"{found.file}.tex" for found in TABLES)


def test_the_file_is_sorted_and_the_same_twice(numbers, tmp_path):
    shuffled = dict(reversed(numbers.items()))
    write_numbers(numbers, tmp_path / "a.tex")
    write_numbers(shuffled, tmp_path / "b.tex")
    assert (tmp_path / "a.tex").read_bytes() == (tmp_path / "b.tex").read_bytes()
    lines = (tmp_path / "a.tex").read_text().splitlines()
    keys = [line.split("{")[1].rstrip("}") for line in lines]
    assert keys == sorted(numbers)
    assert r"\defresult{model/n-heads-total}{270}" in lines


def names_of(files):
    """Names of files, without their folder."""
    return {path.rsplit("/", 1)[1] for path in files}


@pytest.mark.parametrize(
    ("key", "files"),
    [
        ("ioi/denoising/output/top-effect", {"effects.csv"}),
        ("ioi/behaviour/clean-logit-diff", {"behaviour.csv"}),
        ("ioi/data/n-pairs", {"pairs.jsonl"}),
        ("ioi/roles/decided/n", {"effects.csv", "roles.csv", "role_criteria.csv"}),
        ("validation/default/lowest-recall", {"scores.csv", "pooled_scores.csv"}),
        ("model/name", {"model.json"}),
        ("settings/threshold", {"provenance.json"}),
    ],
)
def test_a_number_names_the_files_that_its_function_reads(numbers, key, files):
    assert names_of(numbers[key].files) == files


def test_a_number_names_its_function(numbers):
    function = numbers["ioi/denoising/output/top-effect"].function
    assert function == "head_patching.reporting.effects.effect_numbers"


def test_no_other_file_than_those_named_changes_a_number(tables, numbers):
    """Effects are doubled: numbers that do not name effects.csv stay."""
    effects = tables["effects"]
    doubled = tables.but(effects=effects.assign(effect=2 * effects["effect"]))
    changed = chapter_numbers(doubled)
    different = {key for key, each in numbers.items() if each.text != changed[key].text}
    assert different
    for key in different:
        assert "effects.csv" in names_of(numbers[key].files)


def test_the_table_has_the_values_before_rounding(tables, numbers):
    table = numbers_table(numbers).set_index("key")
    top = effects_of(tables["effects"], "denoising").iloc[0]
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


def test_a_number_is_traced_to_rule_command_and_inputs(numbers):
    table = numbers_table(numbers)
    file = "results/m/ioi/c/effects.csv"
    table.loc[table["key"] == "ioi/denoising/output/top-effect", "files"] = file
    row, (found,) = origins("ioi/denoising/output/top-effect", table, PROVENANCE)
    assert row["text"].startswith(r"\ensuremath{+0.4")
    assert (found.file, found.rule) == (file, "summarise_effects")
    assert found.command.startswith("head-patching summarise-effects")
    assert found.inputs == {"results/m/ioi/c/patching/denoising_output.nc": "ab12"}


def test_an_unknown_number_names_near_ones(numbers):
    table = numbers_table(numbers)
    with pytest.raises(ValueError, match=r"top-effec.*ioi/denoising/output/top-effect"):
        origins("output/top-effec", table, PROVENANCE)


def test_a_rule_is_found_by_the_most_definite_pattern():
    rules = PROVENANCE["rules"]
    assert rule_of("results/m/ioi/c/effects.csv", rules) == "summarise_effects"
    assert rule_of("results/m/ioi/c/roles.csv", rules) == "something_else"
    assert rule_of("results/m/ioi/effects.csv", rules) == ""
    figures = {"results/figures/{figure}.pdf": "draw_figure"}
    assert rule_of("results/figures/ioi/circuit.pdf", figures) == "draw_figure"
