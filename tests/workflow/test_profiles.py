"""The SLURM profile fits the workflow; `make test-slurm` runs jobs with it."""

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
RULES = [
    rule
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.split(r"^(?=rule |use rule )", path.read_text(), flags=re.MULTILINE)[
        1:
    ]
]
NAMES = {re.match(r"(?:use )?rule (?:\w+ as )?(\w+)", rule)[1] for rule in RULES}

# Both settings of the start token, and shards: every rule but the last ones has jobs.
WHOLE = ("--config", "models=[gpt2-small]", "shards=2")


def test_groups_are_of_rules_that_exist() -> None:
    groups = PROFILE["groups"]
    assert set(groups) <= NAMES
    assert set(groups.values()) == set(PROFILE["group-components"])


def test_every_job_has_memory_and_time_though_its_rule_does_not_say() -> None:
    defaults = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert set(defaults["default-resources"]) == {"mem_mb", "runtime"}
    # A profile that is named on the command line would replace them.
    assert "default-resources" not in PROFILE


def test_the_median_rule_is_short() -> None:
    lengths = [len([line for line in rule.splitlines() if line]) for rule in RULES]
    assert median(lengths) <= 20


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
