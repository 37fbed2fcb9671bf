"""The chapter's source: no typed numbers, no unknown keys, nothing left unused."""

import re

import pytest

from head_patching.reporting.numbers import build_numbers
from head_patching.reporting.tables import SHARED_TABLES, TASK_TABLES
from tests.paper.conftest import (
    FIGURES,
    OWN_FIGURES,
    PAPER,
    TASK_FIGURES,
    read_folder,
)
from tests.reporting.synthetic import write_results
from tests.reporting.synthetic_induction import write_induction

PARTS = ("chapter", "induction", "replication", "models")
SOURCE = "".join((PAPER / f"{part}.tex").read_text(encoding="utf-8") for part in PARTS)
TEXT = re.sub(r"(?<!\\)%.*", "", SOURCE)

# Tables that the chapter shows of the second task alone.
OF_SECOND = {"weight_agreement", "weights"}

# Names that contain a digit but state no number.
ALLOWED = ("S1+1", "S1", "S2", "GPT-2", "A1", "B1")


def used(macro: str) -> set[str]:
    """The first arguments of a macro."""
    return set(re.findall(rf"\\{macro}\{{([^{{}}]+)\}}", TEXT))


def result_keys() -> set[str]:
    """Every key the text reads."""
    keys = used("result") | used("ifresult")
    for key in used("countedheads"):
        keys |= {f"{key}/n-words", f"{key}/one"}
    for key in used("howmany"):
        keys |= {f"{key}/n-words", f"{key}/found"}
    return keys


@pytest.mark.parametrize("kinds", [("output",), ("output", "q", "k", "v", "pattern")])
def test_every_result_is_defined(kinds, tmp_path):
    tasks = (write_results, write_induction)
    numbers = build_numbers(
        [read_folder(write(tmp_path / write.__name__, kinds)) for write in tasks]
    )
    assert result_keys() <= set(numbers)


def test_conditions_are_true_or_false(results, induction):
    numbers = build_numbers([results, induction])
    for key in used("ifresult"):
        assert numbers[key] in ("true", "false"), key


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


def test_every_figure_and_table_is_in_the_chapter():
    """Everything of the first task; of the second what its section needs.

    The strongest heads are a table in the text, and drawn in the report.
    """
    figures = {figure for figure in FIGURES if not figure.startswith("induction/")}
    figures |= set(OWN_FIGURES)
    figures -= {"ioi/top_heads"}
    second = {f"induction/{figure}" for figure in TASK_FIGURES}
    assert used("includegraphics") - second == figures
    of_first = set(TASK_TABLES) - OF_SECOND
    tables = [*SHARED_TABLES, *(f"ioi/{name}" for name in of_first)]
    included = {name for name in used("input") if name.startswith("results/")}
    second = {f"results/tables/induction/{name}.tex" for name in TASK_TABLES}
    assert included - second == {f"results/tables/{name}.tex" for name in tables}
    assert {f"results/tables/induction/{name}.tex" for name in OF_SECOND} <= included
    assert used("input") - included == {f"paper/{part}" for part in PARTS[1:]}


def test_the_chapter_has_no_preamble():
    for macro in ("documentclass", "usepackage", "begin{document}", "newcommand"):
        assert f"\\{macro}" not in TEXT


def test_every_caption_counts_its_pairs_or_heads():
    for caption in re.findall(r"\\caption\{(.*?)\}\s*\\label", TEXT, flags=re.DOTALL):
        if "interval" in caption and "CSV" not in caption:
            assert "settings/level" in caption
            assert re.search(r"data/n-(pairs|groups)|validation-pairs", caption)
