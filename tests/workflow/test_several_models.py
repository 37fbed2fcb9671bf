"""With several models every table of each is made, not those of the chapter alone."""

import re
from pathlib import Path

import pytest

from .conftest import QUICK, copy_of_tracked_files

pytestmark = pytest.mark.workflow


def test_each_model_has_its_tables(tmp_path: Path) -> None:
    workspace = copy_of_tracked_files(tmp_path, QUICK)
    plan = workspace.run("--dry-run", "--config", "models=[smollm2-135m,planted-gpt2]")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", plan, flags=re.MULTILINE))
    of_each_model = ("compare_tasks", "inspect_weights", "measure_repetition")
    of_each_experiment = ("outline_circuit", "estimate_effects", "compare_weights")
    assert {jobs[rule] for rule in of_each_model} == {"2"}
    assert {jobs[rule] for rule in of_each_experiment} == {"4"}
    # Only the chapter's model is compared with what is published, and with the others.
    assert jobs["compare_models"] == "1"
