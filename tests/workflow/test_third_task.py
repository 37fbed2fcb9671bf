"""A third task is one file, the one that README.md shows: its results and figures."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow

README = Path(__file__).parents[2] / "README.md"
SETTINGS = {"corruption": "exchanged", "n_pairs": 5, "seed": 1, "prepend_bos": "auto"}
FIGURES = ("attention_examples", "attention_targets", "behaviour", "head_effects")
FIGURES += ("necessity_sufficiency", "path_effects", "position_effects", "role_map")


def shown_task() -> str:
    """The module that the README shows."""
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    [module] = [block for block in blocks if "TASK = Task(" in block]
    return module


@contextmanager
def with_task(workspace: Workspace) -> Iterator[None]:
    """The task's file, and its lines in the config, for a while."""
    assert "src/head_patching/tasks/capitals.py" in README.read_text()
    file = workspace.folder / "src/head_patching/tasks/capitals.py"
    settings = json.dumps(SETTINGS | {"positions": ["END"]})  # which is YAML, too
    tasks = "tasks:\n", f"tasks:\n  capitals: {settings}\n"
    try:
        file.write_text(shown_task())
        with workspace.edited(workspace.config, *tasks):
            yield
    finally:
        file.unlink(missing_ok=True)


def test_a_task_of_one_file_is_planned_alone(built: Workspace) -> None:
    figures = [f"results/figures/capitals/{name}.pdf" for name in FIGURES]
    with with_task(built):
        plan = built.run("--dry-run", *figures)
    drawn = re.findall(r"output: (results/figures/[\w/]+\.pdf)", plan)
    assert sorted(drawn) == sorted(figures)
    made = re.findall(r"output: results/[\w-]+/(\w+)/\w+/", plan)
    assert set(made) == {"capitals"}


@pytest.mark.slow
def test_a_task_of_one_file_gets_its_results_and_figures(smollm2: Workspace) -> None:
    figures = [f"results/figures/capitals/{name}.pdf" for name in FIGURES]
    with with_task(smollm2):
        smollm2.run(*figures)
    for path in figures:
        assert (smollm2.folder / path).read_bytes().startswith(b"%PDF")
    folder = smollm2.folder / "results/smollm2-135m/capitals/exchanged"
    evidence = pd.read_csv(folder / "evidence.csv")
    assert {"attention.END.country", "path.logits"} <= set(evidence["criterion"])
    # Nobody has said what a role asks for in this task.
    roles = pd.read_csv(folder / "roles.csv")
    assert set(roles["role"]) <= {"undecided", "no role"}
    # Nothing of the other tasks was built again.
    assert smollm2.planned() == set()
