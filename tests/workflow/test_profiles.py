"""The SLURM profile fits the workflow; `make test-slurm` runs jobs with it."""

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
RULES = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
NAMES = set(re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", RULES, re.MULTILINE))

# Both settings of the start token, and shards: every rule but the last ones has jobs.
WHOLE = ("--config", "models=[gpt2-small]", "shards=2")


def test_groups_are_of_rules_that_exist() -> None:
    groups = PROFILE["groups"]
    assert set(groups) <= NAMES
    assert set(groups.values()) == set(PROFILE["group-components"])


def test_every_rule_with_a_recipe_says_what_it_needs() -> None:
    for rule in re.split(r"^(?=rule )", RULES, flags=re.MULTILINE)[1:]:
        if "shell:" in rule:
            for need in ("threads:", "mem_mb=", "runtime="):
                assert need in rule, f"{rule.split(':')[0]} lacks {need}"


@pytest.fixture(scope="module")
def dependencies() -> set[tuple[str, str]]:
    """Which rule reads what which rule makes, of a whole build."""
    graph = subprocess.run(
        [sys.executable, "-m", "snakemake", "--rulegraph", *WHOLE],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', graph, re.MULTILINE))
    edges = re.findall(r"^\s*(\d+) -> (\d+)", graph, re.MULTILINE)
    return {(names[reader], names[maker]) for maker, reader in edges}


def test_no_group_waits_for_what_waits_for_it(
    dependencies: set[tuple[str, str]],
) -> None:
    """Else jobs of one group could never be submitted together."""
    assert {rule for edge in dependencies for rule in edge} >= set(PROFILE["groups"])
    assert not is_cyclic(dependencies, PROFILE["groups"])
    # That the search finds one: models are prepared before, the PDF made afterwards.
    both = PROFILE["groups"] | {"prepare_model": "chapter"}
    assert is_cyclic(dependencies, both)


def is_cyclic(dependencies: set[tuple[str, str]], groups: dict[str, str]) -> bool:
    """Whether groups, taken as one each, depend on each other in a circle."""
    graph: dict[str, set[str]] = {}
    for reader, maker in dependencies:
        one, other = groups.get(reader, reader), groups.get(maker, maker)
        if one != other:
            graph.setdefault(one, set()).add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False
