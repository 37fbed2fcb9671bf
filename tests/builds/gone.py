"""List the tests of an earlier commit that are gone, each with its successor.

    python tests/builds/gone.py [COMMIT]

Both sets of tests are collected, slow ones and doctests included. `successors.csv`
names for each test that is gone the one that asserts the same now: `*` in the column
`old` matches any text, and each `*` in `new` is the text that the `*` of the same place
matched; a test without its parameters means all of them. Exits with 0 only if each gone
test has a successor that is there, and each row is needed.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SUCCESSORS = Path(__file__).with_name("successors.csv")
COMMIT = "6336594"


@dataclass(frozen=True)
class Successor:
    """Tests that match `old` are gone; `new` asserts the same, for the reason `why`."""

    old: str
    new: str
    why: str

    def of(self, gone: str) -> str | None:
        """The successor of a gone test, or None if the row is about others.

        Examples
        --------
        >>> Successor("a/*::test_x[*]", "b/*::test_y[*]", "").of("a/t.py::test_x[1]")
        'b/t.py::test_y[1]'
        """
        pattern = re.escape(self.old).replace(r"\*", "(.*)")
        found = re.fullmatch(pattern, gone, re.DOTALL)
        if not found:
            return None
        matched = iter(found.groups())
        return re.sub(r"\*", lambda _: next(matched, "*"), self.new)


def read_successors(path: Path = SUCCESSORS) -> list[Successor]:
    """The table of successors: columns old, new, why."""
    with path.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table)
        return [Successor(row["old"], row["new"], row["why"]) for row in rows]


def is_there(test: str, now: Iterable[str]) -> bool:
    """Whether a test is among those of now, alone or with parameters."""
    return any(each == test or each.startswith(f"{test}[") for each in now)


def faults(
    before: set[str], now: set[str], successors: list[Successor]
) -> Iterator[str]:
    """One line for each gone test without a successor, and each row without a use."""
    used = set()
    for gone in sorted(before - now):
        named = [(row, row.of(gone)) for row in successors]
        rows = [(row, test) for row, test in named if test is not None]
        if not rows:
            yield f"no successor: {gone}"
        elif not is_there(rows[0][1], now):
            yield f"not there: {rows[0][1]}, the successor of {gone}"
        else:
            used.add(rows[0][0])
    for row in successors:
        if row not in used:
            yield f"not needed: {row.old}"


def collected(folder: Path) -> set[str]:
    """The tests of a project, by their ids."""
    shown = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", ""],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True, text=True,
    )  # fmt: skip
    if shown.returncode:
        sys.exit(shown.stdout[-3000:] + shown.stderr[-3000:])
    return {line for line in shown.stdout.splitlines() if "::" in line}


def collected_at(commit: str) -> set[str]:
    """The tests of a commit."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        add = [*git, "add", "-q", "--detach", str(folder), commit]
        subprocess.run(add, check=True)
        try:
            return collected(folder)
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def main() -> int:
    """Print the gone tests' successors, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", nargs="?", default=COMMIT)
    options = parser.parse_args()
    before, now = collected_at(options.commit), collected(ROOT)
    successors = read_successors()
    for gone in sorted(before - now):
        named = (row.of(gone) for row in successors)
        print(f"{gone} -> {next(filter(None, named), '?')}")
    found = list(faults(before, now, successors))
    print(*found, sep="\n", end="\n" if found else "")
    n_gone = len(before - now)
    print(f"{len(before)} tests before, {len(now)} now, {n_gone} gone, ", end="")
    print(f"{len(found)} faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
