"""Outputs of all heads are patched, and what the chosen heads are made of."""

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


def words_after(option: str, command: str) -> list[str]:
    """Every value that a command gives an option."""
    return re.findall(rf" {option} (\S+)", command)


@pytest.mark.parametrize(("settings", "shards"), [((), 1), (("shards=2",), 2)])
def test_a_patch_type_is_one_job_of_both_directions_on_all_pairs(settings, shards):
    commands = [
        command
        for command in patching_commands(*settings)
        if ".other_bos" not in command
    ]
    assert not [command for command in commands if "--n-pairs" in command]
    jobs = {}
    for command in commands:
        [task] = set(re.findall(r"gpt2-small/(\w+)/\w+/pairs", command))
        [kind] = words_after("--patch-type", command)
        jobs.setdefault((task, kind, "--position" in command), []).append(command)
    assert set(jobs) == {
        (task, kind, at_positions)
        for task in ("ioi", "induction")
        for kind in ("output", "q", "k", "v", "pattern")
        for at_positions in (False, True)
        if kind == "output" or not at_positions
    }
    for (_, kind, at_positions), of_kind in jobs.items():
        all_heads = kind == "output" and not at_positions
        # Outputs of all heads are long jobs, one for each direction.
        assert len(of_kind) == (2 if all_heads else 1) * shards
        for command in of_kind:
            directions = words_after("--direction", command)
            files = words_after("--out", command)
            assert len(directions) == (1 if all_heads else 2)
            for direction, file in zip(directions, files, strict=True):
                folder = "positions" if at_positions else "patching"
                assert f"/{folder}/{direction}_{kind}" in file
            assert ("--chosen-heads" in command) == (not all_heads)
            assert ("--estimates" in command) == (not all_heads)
