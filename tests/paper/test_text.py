"""The chapter's source: no typed numbers, no unknown keys, nothing left unused."""

import re

import pytest

from head_patching.reporting.chapter import chapter_numbers
from head_patching.reporting.discovery import latex_tables
from head_patching.terms import PATCH_TYPES
from tests.paper.conftest import FIGURES, PAPER, TEXT, used
from tests.reporting.given import read_folder
from tests.reporting.synthetic import (
    induction_tables,
    synthetic_tables,
    write_results,
)

PARTS = ("induction", "replication", "models")  # besides chapter.tex

# Tables that the chapter shows of the second task alone.
OF_SECOND = {"weight_agreement", "weights"}

# Names that contain a digit but state no number.
ALLOWED = ("S1+1", "S1", "S2", "GPT-2", "A1", "B1")


def result_keys() -> set[str]:
    """Every key the text reads."""
    keys = used("result") | used("ifresult")
    for key in used("countedheads"):
        keys |= {f"{key}/n-words", f"{key}/one"}
    for key in used("howmany"):
        keys |= {f"{key}/n-words", f"{key}/found"}
    return keys


@pytest.mark.parametrize("patch_types", [["output"], [*PATCH_TYPES]])
def test_every_result_is_defined(patch_types, tmp_path):
    ioi, induction = (
        read_folder(write_results(tmp_path / made.__name__, patch_types, made))
        for made in (synthetic_tables, induction_tables)
    )
    assert result_keys() <= set(chapter_numbers(ioi + induction))


def test_conditions_are_true_or_false(ioi, induction):
    numbers = chapter_numbers(ioi + induction)
    for key in used("ifresult"):
        assert numbers[key].text in ("true", "false"), key


# How the branches of a condition begin that contradict each other: where it holds, and
# where it does not.
OPPOSITES = {
    "roles/stable": ("reaches", "falls short of"),
    "behaviour/does-task": (
        "The interval excludes zero|There is something to explain",
        "The interval does not exclude zero",
    ),
    "behaviour/corrupt-reversed": ("The corruption turns", "The corruption does not"),
    "every-group-positive": ("They are positive", "Not all of them are positive"),
    "position-is-larger": ("position$", "token$"),
    "silent/exact": ("exactly$", "not exactly$"),
}


def branches(condition: str) -> list[list[str]]:
    """Both branches of each use of the conditions whose keys end so, in one line."""
    braces = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
    uses = rf"\\ifresult\{{[^{{}}]*{condition}\}}{braces}{braces}"
    return [
        [" ".join(branch.split()) for branch in both] for both in re.findall(uses, TEXT)
    ]


@pytest.mark.parametrize("condition", OPPOSITES)
def test_each_branch_says_what_its_condition_means(condition):
    begin = OPPOSITES[condition]
    found = branches(condition)
    assert found
    for both in found:
        for words, branch in zip(begin, both, strict=True):
            assert re.match(words, branch), f"{condition}: {both}"


def test_no_number_is_typed_in_the_text():
    prose = TEXT
    for pattern in (
        r"\\begin\{equation\}.*?\\end\{equation\}",
        r"\$[^$]*\$",
        r"\\(?:result|countedheads|howmany|texttt|input|includegraphics)\{[^{}]*\}",
        r"\\texttt\{(?:[^{}]|\{\})*\}",
        r"\\ifresult\{[^{}]*\}",
        r"\\setlength\{[^{}]*\}\{[^{}]*\}",
        r"\\(?:label|ref|eqref|citep|citet|citealt)\{[^{}]*\}",
    ):
        prose = re.sub(pattern, " ", prose, flags=re.DOTALL)
    for name in ALLOWED:
        prose = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w+])", " ", prose)
    typed = [line.strip() for line in prose.splitlines() if re.search(r"\d", line)]
    assert typed == []


def test_no_head_is_named_in_the_text():
    assert re.findall(r"\bL\d+H\d+\b", TEXT) == []


def test_references_and_labels_belong_together():
    labels = used("label")
    assert used("ref") | used("eqref") <= labels
    floats = {label for label in labels if label.startswith(("fig:", "tab:"))}
    assert floats <= used("ref")


def test_the_bibliography_is_what_is_cited():
    bibliography = (PAPER / "references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{([^,]+),", bibliography, flags=re.MULTILINE)
    assert entries == sorted(set(entries))
    cited = {
        key.strip()
        for keys in used("citep") | used("citet") | used("citealt")
        for key in keys.split(",")
    }
    assert cited == set(entries)


def only_of(figure: str) -> str:
    """The task that a figure is about; empty if there is one of each task."""
    task, _, name = figure.rpartition("/")
    others = {other for other in FIGURES if other.endswith(f"/{name}")} - {figure}
    return "" if others else task


def test_every_figure_and_table_is_in_the_chapter():
    """Everything of the first task; of the second what its section needs.

    The strongest heads are a table in the text, and drawn in the report.
    """
    figures = {figure for figure in FIGURES if not figure.startswith("induction/")}
    figures |= {figure for figure in FIGURES if only_of(figure) == "induction"}
    figures -= {"ioi/top_heads"}
    second = {figure for figure in FIGURES if figure.startswith("induction/")}
    second -= figures
    assert used("includegraphics") - second == figures
    of_task, shared = (
        {found.file for found in latex_tables(of_task=of_task)}
        for of_task in (True, False)
    )
    included = {name for name in used("input") if name.startswith("results/")}
    first = {f"results/tables/ioi/{name}.tex" for name in of_task - OF_SECOND}
    of_second = {f"results/tables/induction/{name}.tex" for name in of_task}
    of_all = {f"results/tables/{name}.tex" for name in shared}
    assert included - of_second == first | of_all
    assert {f"results/tables/induction/{name}.tex" for name in OF_SECOND} <= included
    assert used("input") - included == {f"paper/{part}" for part in PARTS}


def test_the_chapter_has_no_preamble():
    for macro in ("documentclass", "usepackage", "begin{document}", "newcommand"):
        assert f"\\{macro}" not in TEXT


def test_every_caption_counts_its_pairs_or_heads():
    for caption in re.findall(r"\\caption\{(.*?)\}\s*\\label", TEXT, flags=re.DOTALL):
        if "interval" in caption and "CSV" not in caption:
            assert "settings/level" in caption
            assert re.search(r"data/n-(pairs|groups)|validation-pairs", caption)
