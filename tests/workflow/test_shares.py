"""What is within heads is patched on a share of the pairs, their outputs on all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def patching_commands(*settings: str) -> list[str]:
    """The patching commands of a whole build."""
    planned = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--config",
         "models=[gpt2-small]", *settings],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return re.findall(r"head-patching patch .*", planned)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ((), {"ioi": "10", "induction": "5"}),
        (("share_within_heads=0.01",), {"ioi": "2", "induction": "2"}),
        (("share_within_heads=1", "shards=2"), {"ioi": "30", "induction": "16"}),
    ],
)
def test_the_share_is_of_each_task_s_pairs(settings, expected):
    commands = patching_commands(*settings)
    found = {"output": set(), "within": set()}
    for command in commands:
        kind = re.search(r"--patch-type (\w+)", command)[1]
        task = re.search(r"/(ioi|induction)/", command)[1]
        number = re.search(r"--n-pairs (\d+)", command)
        key = "output" if kind == "output" else "within"
        found[key].add((task, number and number[1]))
    assert found["output"] == {("ioi", None), ("induction", None)}
    assert found["within"] == set(expected.items())
