"""What the config says of statistics is passed to every command that asks for it."""

import importlib
import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Other values than those of the commands' own defaults and of config/config.yaml.
SETTINGS = {
    "statistics": {"level": 0.87, "sign_flips": 4321},
    "importance": {"threshold": 0.031, "false_discovery_rate": 0.043},
}
VALUES = {key: value for part in SETTINGS.values() for key, value in part.items()}


def planned_commands(config: Path) -> list[list[str]]:
    """The commands of a whole build with these settings, in words."""
    config.write_text(json.dumps(SETTINGS), encoding="utf-8")
    plan = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--forceall",
         "--printshellcmds", "--configfile", config],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = re.findall(r"head-patching (\S.*?) > ", plan)
    return [shlex.split(command) for command in found]


def parameters_of(subcommand: str) -> set[str]:
    """The parameters of a subcommand."""
    name = subcommand.replace("-", "_")
    module = importlib.import_module(f"head_patching.commands.{name}")
    return set(inspect.signature(getattr(module, name)).parameters)


def test_each_command_is_given_what_the_config_says(tmp_path):
    checked = set()
    for words in planned_commands(tmp_path / "config.json"):
        for parameter in parameters_of(words[0]) & set(VALUES):
            option = f"--{parameter.replace('_', '-')}"
            assert option in words, f"{words[0]} is given no {option}"
            assert float(words[words.index(option) + 1]) == VALUES[parameter], words[0]
            checked.add((words[0], parameter))
    assert ("classify-roles", "level") in checked
    assert {parameter for _, parameter in checked} == set(VALUES)
