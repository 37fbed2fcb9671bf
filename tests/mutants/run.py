"""Apply deliberate faults, one at a time, and see which assertion fails.

    python -m tests.mutants.run [--all] [--processes N] [NAME ...]

Each `NAME.patch` in this folder is a fault: a unified diff against the project, below
lines that say what is wrong and which tests are to see it:

    Fault: the effect is divided by the corrupt logit_diff
    Tests: tests/patching/test_effects.py tests/roles/test_classify.py::test_one

It is applied to a copy of the project's files, in which these tests are run until one
fails; with `--all` every test of `make test`. A fault counts as seen only by a failed
assertion about a value or a text: tests of style, of hashes and of equal bytes are left
out, and an import that breaks is reported as such. Exits with 0 only if all are seen.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from head_patching.building.project import project_files

ROOT = Path(__file__).parents[2]
MUTANTS = Path(__file__).parent

# They would fail for any change of the code, whatever it computes.
LEFT_OUT_FILES = (
    "tests/building/test_code.py",
    "tests/building/test_staleness.py",
    "tests/errors/test_execution.py",
    "tests/mutants",
    "tests/test_one_home.py",
    "tests/test_setup.py",
    "tests/workflow/test_lint.py",
)
LEFT_OUT_NAMES = ("same_bytes", "the_same_twice", "are_equal_and_leave", "bytes_are")

ASSERTIONS = ("assert ", "AssertionError", "Failed: ")


@dataclass(frozen=True)
class Mutant:
    """A fault, and the tests that are to see it."""

    name: str
    fault: str
    tests: tuple[str, ...]
    patch: Path


@dataclass(frozen=True)
class Outcome:
    """The first test that failed, if any, and how; `seen` if by an assertion."""

    seen: bool
    test: str
    message: str


def read_mutant(patch: Path) -> Mutant:
    """A fault as it is described above its diff.

    Raises
    ------
    ValueError
        When it does not say what is wrong, or names no test.
    """
    text, _, _ = patch.read_text(encoding="utf-8").partition("\n--- ")
    said = dict(re.findall(r"^(Fault|Tests): *(.+)$", text, re.MULTILINE))
    for word in ("Fault", "Tests"):
        if word not in said:
            raise ValueError(f"{patch.name} has no line `{word}: ...` above its diff")
    return Mutant(patch.stem, said["Fault"], tuple(said["Tests"].split()), patch)


def mutated(mutant: Mutant, folder: Path) -> None:
    """A copy of the project with the fault, as a repository of its own."""
    for name in project_files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for command in (["init", "-q"], ["add", "-A"], ["apply", str(mutant.patch)]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def options_of_pytest(tests: tuple[str, ...], processes: int) -> list[str]:
    """Options for these tests, or for all if there are none, but what is left out."""
    left_out = [f"--ignore={file}" for file in LEFT_OUT_FILES if file not in tests]
    names = " or ".join(LEFT_OUT_NAMES)
    parallel = ["-n", str(processes)] if processes > 1 else []
    return ["-x", "-q", "-k", f"not ({names})", *parallel, *left_out, *tests]


def outcome_of(report: Path, shown: str) -> Outcome:
    """What failed, from pytest's report in JUnit's XML."""
    if not report.is_file():
        return Outcome(False, "", shown.strip()[-1500:])
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            found = case.find(kind)
            if found is not None:
                test = f"{case.get('classname')}::{case.get('name')}"
                message = found.get("message", "")
                is_doctest = "Expected:" in (found.text or "")
                asserted = message.startswith(ASSERTIONS) or is_doctest
                return Outcome(kind == "failure" and asserted, test, message)
    return Outcome(False, "", "no test fails")


def try_out(mutant: Mutant, tests: tuple[str, ...], processes: int) -> Outcome:
    """Run tests on a copy with the fault until one fails."""
    with TemporaryDirectory() as temporary:
        folder, report = Path(temporary) / "project", Path(temporary) / "report.xml"
        mutated(mutant, folder)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
            + [f"--junitxml={report}", *options_of_pytest(tests, processes)],
            cwd=folder, env=os.environ | {"PYTHONPATH": str(folder / "src")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return outcome_of(report, run.stdout)


def main() -> int:
    """Print what saw each fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of patches; all if none is named")
    parser.add_argument("--all", action="store_true", help="the tests of `make test`")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    patches = sorted(MUTANTS.glob("*.patch"))
    unknown = set(options.names) - {patch.stem for patch in patches}
    if unknown:
        parser.error(f"no such patch: {', '.join(sorted(unknown))}")
    mutants = [
        read_mutant(patch)
        for patch in patches
        if not options.names or patch.stem in options.names
    ]
    n_seen = 0
    for mutant in mutants:
        tests = () if options.all else mutant.tests
        outcome = try_out(mutant, tests, options.processes)
        n_seen += outcome.seen
        verdict = "seen" if outcome.seen else "NOT SEEN"
        print(f"{mutant.name}: {verdict}. {mutant.fault}")
        print(f"    {outcome.test}")
        print(*(f"    {line}" for line in outcome.message.splitlines()[:6]), sep="\n")
        sys.stdout.flush()
    print(f"{n_seen} of {len(mutants)} faults seen")
    return n_seen < len(mutants)


if __name__ == "__main__":
    sys.exit(main())
