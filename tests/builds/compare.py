"""Compare the results of two builds of the default chapter, file by file.

    python tests/builds/compare.py OLD/results NEW/results

Every file must hold the same bytes after the renames of `renames.csv` are applied to
the old one. Left out are run records, the provenance, pictures and typeset pages. The
column `files` of `numbers.csv` may name more files than before. Exits with 0 only if
no other difference is found.
"""

import argparse
import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

RENAMES = Path(__file__).with_name("renames.csv")

# Not compared: they name commands, versions and checksums, or are drawn from the rest.
LEFT_OUT = (
    "*.run.json",
    "provenance.json",
    "tables/provenance.tex",
    "*.pdf",
    "*.png",
)

# The key of each line of files that are sorted by it: a renamed key moves its line.
KEYS = {
    "numbers.tex": re.compile(rb"\\defresult\{([^}]*)\}"),
    "numbers.csv": re.compile(rb"([^,]*),"),
}


@dataclass(frozen=True)
class Rename:
    """In files that match `file`, `old` became `new`; a path if `file` is `path`."""

    file: str
    old: str
    new: str


def read_renames(path: Path = RENAMES) -> list[Rename]:
    """The rename table: columns file, old, new, why."""
    with path.open(encoding="utf-8", newline="") as table:
        return [
            Rename(row["file"], row["old"], row["new"]) for row in csv.DictReader(table)
        ]


def results_in(folder: Path) -> dict[str, Path]:
    """The files that are compared, by their path below the folder."""
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        name: path
        for name, path in files.items()
        if not any(fnmatch(name, pattern) for pattern in LEFT_OUT)
    }


def renamed_path(name: str, renames: list[Rename]) -> str:
    """Where an old file lies in the new build."""
    for rename in renames:
        if rename.file == "path" and rename.old == name:
            return rename.new
    return name


def renamed(name: str, content: bytes, renames: list[Rename]) -> bytes:
    """The content of an old file with its keys, columns and cells as they are now."""
    for rename in renames:
        if fnmatch(name, rename.file):
            content = content.replace(rename.old.encode(), rename.new.encode())
    if name not in KEYS:
        return content
    lines = content.splitlines(keepends=True)
    header = lines[:1] if name.endswith(".csv") else []
    keyed = [(KEYS[name].match(line)[1], line) for line in lines[len(header) :]]
    return b"".join(header + [line for _, line in sorted(keyed)])


def without_files(content: bytes) -> tuple[list[list[str]], dict[str, set[str]]]:
    """`numbers.csv` without its column `files`, and that column by key."""
    header, *rows = csv.reader(io.StringIO(content.decode()))
    column = header.index("files")
    files = {row[0]: set(row[column].split()) for row in rows}
    rest = [row[:column] + row[column + 1 :] for row in (header, *rows)]
    return rest, files


def differences(old: Path, new: Path, renames: list[Rename]) -> Iterator[str]:
    """One line for each file that differs, is missing, or is new."""
    before, after = results_in(old), results_in(new)
    expected = {renamed_path(name, renames): name for name in before}
    for name in sorted({*expected} - {*after}):
        yield f"{name}: missing in the new build"
    for name in sorted({*after} - {*expected}):
        yield f"{name}: not in the old build"
    for name in sorted({*after} & {*expected}):
        was = renamed(name, before[expected[name]].read_bytes(), renames)
        now = after[name].read_bytes()
        if name == "numbers.csv":
            (was_rest, was_files), (now_rest, now_files) = map(
                without_files, (was, now)
            )
            if was_rest != now_rest:
                lines = [b for a, b in zip(was_rest, now_rest, strict=False) if a != b]
                yield f"{name}: differs, first in {lines[:1] or 'its length'}"
            for key in sorted({*was_files} & {*now_files}):
                if files := was_files[key] - now_files[key]:
                    yield f"{name}: {key} lost {sorted(files)}"
        elif was != now:
            at = next(
                (i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b),
                min(len(was), len(now)),
            )
            place = slice(max(at - 20, 0), at + 40)
            shown = f"{was[place]!r} became {now[place]!r}"
            yield f"{name}: differs from byte {at}: {shown}"


def main() -> int:
    """Print the differences and how many files were compared."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="results/ of the old build")
    parser.add_argument("new", type=Path, help="results/ of the new build")
    options = parser.parse_args()
    found = list(differences(options.old, options.new, read_renames()))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(results_in(options.new))} files compared, {len(found)} differences")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
