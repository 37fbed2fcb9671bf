"""A whole workflow, and what a change makes it build again: one plan for each edit."""

import os
import re
import shutil
from pathlib import Path

import pytest

from head_patching.building.project import project_files

from .conftest import ROOT, Workspace, build, rules_of, text_of
from .extension import NEW as ADDED

pytestmark = pytest.mark.workflow

# In place of the first line of a function.
STATEMENT = "CHANGED = 1\n\n\ndef draw"

TYPESET = {"typeset_chapter"}
NUMBERS = {"build_numbers", "build_tables", "build_shared_tables"} | TYPESET
ROLES = {"classify_roles", "record_provenance", "draw_figure"} | NUMBERS
ROLES |= {"show_attention", "compare_weights", "outline_circuit"}
VALIDATION = {"validate_roles", "summarise_validation"}
CRITERIA = {"trace_paths"} | ROLES | VALIDATION
EFFECTS = {"summarise_effects", "summarise_positions", "count_signs"}
# What is patched of the heads that are chosen by the effects of their outputs.
CHOSEN = {"choose_heads", "patch_chosen_heads", "patch_positions"}
CHOSEN |= {"compare_estimates", "check_patching"}
PAIRS = {"trace_paths"} | ROLES | EFFECTS | CHOSEN
PAIRS |= {
    "make_pairs",
    "measure_behaviour",
    "cache_activations",
    "patch_heads",
    "estimate_effects",
    "measure_evidence",
    "compare_tasks",
}


def test_chapter_figures_and_tables_are_there(chapter: Workspace) -> None:
    results = chapter.results()
    assert results["paper/chapter.pdf"].read_bytes().startswith(b"%PDF")
    drawn = [name for name in results if name.startswith("figures/")]
    figures = [Path(name) for name in drawn if name.endswith(".pdf")]
    assert len(drawn) == 4 * len(figures)
    assert {figure.parent.name for figure in figures} == {"figures", "ioi", "induction"}
    for figure in figures:
        for kind in (".pdf", ".png", ".csv", ".run.json"):
            assert results[figure.with_suffix(kind).as_posix()].stat().st_size > 0
    assert any(name.startswith("tables/") for name in results)
    assert not [name for name in results if "partial" in name or "tmp" in name]


def test_chapter_has_no_open_reference(chapter: Workspace) -> None:
    shown = text_of(chapter.folder / "results/paper/chapter.pdf")
    assert "??" not in shown
    assert "(?)" not in shown


def test_results_name_no_place(chapter: Workspace) -> None:
    """Neither the folder nor the user appears in what is published."""
    place = str(chapter.folder).encode()
    holding = [
        name
        for name, path in chapter.results().items()
        if path.suffix != ".safetensors" and place in path.read_bytes()
    ]
    assert holding == []


def test_second_run_has_nothing_to_do(built: Workspace) -> None:
    assert "Nothing to be done" in built.run()
    assert built.planned("figures", "tables", "paper") == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "rules"),
    [
        ("config/config.yaml", "seed: 20221101", "seed: 7", PAIRS),
        (
            "config/config.yaml",
            "threshold: 0.02",
            "threshold: 0.03",
            EFFECTS | CRITERIA | CHOSEN | {"compare_tasks"},
        ),
        ("config/roles/ioi.yaml", "threshold: ", "threshold: 1", CRITERIA),
        ("paper/chapter.tex", "\\section", "Another sentence.\n\\section", TYPESET),
    ],
    ids=["seed", "threshold", "role", "sentence"],
)
def test_a_change_reruns_its_dependants_only(
    built: Workspace, file: str, old: str, new: str, rules: set[str]
) -> None:
    with built.edited(file, old, new):
        assert built.planned() == rules


def test_what_is_only_told_reruns_nothing(built: Workspace) -> None:
    """The README, and comments, docstrings and help texts of what all depends on."""
    with (
        built.edited("README.md", "thesis", "Thesis"),
        built.edited(
            "src/head_patching/terms.py", "# an important", "# some important"
        ),
        built.edited("src/head_patching/files/writing.py", '"""Writing', '"""To write'),
        built.edited("src/head_patching/commands/_options.py", 'help="', 'help="Or '),
        built.edited("figures/style.py", '"""', '"""Of figures: '),
        built.edited("config/roles/ioi.yaml", "#", "# Note:\n#"),
    ):
        assert built.planned() == set()


def test_run_records_decide_where_snakemake_remembers_nothing(built: Workspace) -> None:
    # Other tests edited sources and undid it: only Snakemake remembers that.
    for name in (*project_files(ROOT), *ADDED):
        os.utime(built.folder / name, (1e9, 1e9))
    memory = built.folder / ".snakemake"
    memory.rename(kept := built.folder / ".kept")
    try:
        assert built.planned() == set()
        with built.edited("figures/head_effects.py", "def draw", STATEMENT):
            assert built.planned() == {"draw_figure"} | TYPESET
        with built.edited("config/roles/ioi.yaml", "threshold: ", "threshold: 1"):
            assert built.planned() == CRITERIA
    finally:
        shutil.rmtree(memory)
        kept.rename(memory)


def test_a_figure_module_reruns_one_figure(built: Workspace) -> None:
    # No other figure imports this one.
    with built.edited("figures/behaviour.py", "def draw", STATEMENT):
        plan = built.run("--dry-run")
    drawn = set(re.findall(r"output: results/figures/([\w/]+)\.pdf", plan))
    assert drawn == {"ioi/behaviour", "induction/behaviour"}
    assert rules_of(plan) == {"draw_figure"} | TYPESET


def test_a_task_s_file_reruns_that_task_alone(built: Workspace) -> None:
    file = "src/head_patching/tasks/induction_corruptions.py"
    with built.edited(file, "def moved", STATEMENT.replace("draw", "moved")):
        plan = built.run("--dry-run")
    made = re.findall(r"output: results/[\w-]+/(\w+)/\w+/pairs\.jsonl", plan)
    assert set(made) == {"induction"}
    patched = [line for line in plan.splitlines() if "patching/denoising" in line]
    assert patched
    assert not [line for line in patched if "/ioi/" in line and "output:" in line]


@pytest.mark.slow
def test_a_build_elsewhere_gives_the_same_bytes(
    chapter: Workspace, tmp_path: Path
) -> None:
    again = build(tmp_path, chapter.config)
    first, second = chapter.results(), again.results()
    assert list(first) == list(second)
    different = [
        name for name in first if first[name].read_bytes() != second[name].read_bytes()
    ]
    assert different == []
