"""Wrong configs: Snakemake says the message in docs/errors.md, and runs nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.errors.table import ROWS, is_message

ROOT = Path(__file__).parents[2]

# Each group is one call of Snakemake, which says all faults of the schema at once.
CONFIGS: dict[str, dict[str, object]] = {
    "schema": {
        "an unknown key": {"statistcs": {}},
        "a missing key": {"tasks": {"other": {"corruption": "abc"}}},
        "an unknown patch type in the config": {"patch_types": ["output", "ouput"]},
        "a wrong type": {"models": "smollm2-135m"},
        "a number out of range": {"pairs_per_file": 0},
        "zero pairs in the config": {"tasks": {"ioi": {"n_pairs": 0}}},
        "a number written as a text": {"self_check": {"tolerance": "1e-4"}},
        "a number that is not finite": {"importance": {"threshold": float("nan")}},
        "a list with repetitions": {"directions": ["noising", "noising"]},
    },
    "model": {"an unknown model": {"models": ["smolm2-135m"]}},
    "task": {
        "an unknown task": {
            "tasks": {
                "oii": {
                    "corruption": "abc",
                    "n_pairs": 3,
                    "seed": 1,
                    "prepend_bos": "auto",
                    "positions": ["END"],
                }
            }
        }
    },
    "of a task": {
        "a corruption that the task does not have": {
            "tasks": {"ioi": {"corruption": "s2_io"}}
        },
        "a position that the task does not have": {
            "tasks": {"induction": {"positions": ["EDN"]}}
        },
    },
    "noise": {
        "a noise level that stands twice": {"validation": {"noise": ["0.1", "default"]}}
    },
}


@pytest.mark.parametrize("group", CONFIGS)
def test_a_wrong_config_is_one_line_a_fault(group: str, tmp_path: Path) -> None:
    config: dict[str, object] = {}
    for part in CONFIGS[group].values():
        for key, value in part.items():
            inner = config.setdefault(key, {})
            config[key] = {**inner, **value} if isinstance(value, dict) else value
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
        + ["--configfile", str(file)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1
    lines = (run.stdout + run.stderr).splitlines()
    said = [line for line in lines if not re.match(r"Using|Config file", line)]
    for name in CONFIGS[group]:
        assert any(is_message(line, ROWS[name]) for line in said), (name, said)
    messages = [ROWS[name] for name in CONFIGS[group]]
    for line in said:
        missing_too = is_message(line, ROWS.get("a missing key", ""))
        assert missing_too or any(is_message(line, each) for each in messages), line
