r"""All numbers and LaTeX tables of the chapter, made by the functions that are marked.

Numbers are a flat table from key to LaTeX, written as sorted `\defresult{key}{value}`
lines. The text reads them with `\result{key}`, and chooses sentences with
`\ifresult{key}{}{}` on the keys whose value is `true` or `false`; an unknown key stops
the build.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from head_patching.files.writing import atomic
from head_patching.reporting.discovery import Found, latex_tables, marked, numbers
from head_patching.reporting.rounding import exact_values, listed_names
from head_patching.reporting.sources import Tables, arguments, files


@dataclass(frozen=True)
class Sourced:
    """A number of the text.

    Parameters
    ----------
    text
        As it is printed.
    files
        The files of the tables that its function reads.
    function
        The full name of that function.
    """

    text: str
    files: tuple[str, ...]
    function: str


def chapter_numbers(tables: Tables) -> dict[str, Sourced]:
    """All numbers by key, sorted; keys of one task begin with its name.

    Raises
    ------
    ValueError
        When two functions give the same number.
    """
    found: dict[str, Sourced] = {}
    for each in marked(numbers):
        for task in tables.tasks if each.of_task else tables.tasks[:1]:
            given = sourced(each, tables, task)
            twice = sorted(given.keys() & found.keys())
            if twice:
                other = found[twice[0]].function
                raise ValueError(
                    f"number {twice[0]!r} is given by {each.where} and by {other}"
                )
            found |= given
    return dict(sorted(found.items()))


def sourced(found: Found, tables: Tables, task: str) -> dict[str, Sourced]:
    """The numbers that one function gives, by key."""
    prefix = f"{task}/" if found.of_task else ""
    given = found.function(**arguments(found.parameters, tables, task))
    read = files(found.parameters, tables, task)
    return {
        prefix + key: Sourced(text, read, found.where) for key, text in given.items()
    }


def write_numbers(numbers: Mapping[str, Sourced], path: Path) -> None:
    r"""Write the numbers as `\defresult` lines, sorted by key."""
    lines = [rf"\defresult{{{key}}}{{{numbers[key].text}}}" for key in sorted(numbers)]
    write_text(path, "\n".join(lines) + "\n")


def numbers_table(numbers: Mapping[str, Sourced]) -> pd.DataFrame:
    """One row per number, by key: as printed, what it was rounded from, its files.

    Columns: key, text, exact (one number, two bounds, or all names of a list that the
    text cuts short), files (separated by spaces).
    """
    rows = [
        (
            key,
            each.text,
            " ".join(f"{value:.9g}" for value in exact_values(each.text))
            or " ".join(sorted(listed_names(each.text))),
            " ".join(each.files),
        )
        for key, each in sorted(numbers.items())
    ]
    return pd.DataFrame(rows, columns=["key", "text", "exact", "files"])


def write_tables(tables: Tables, folder: Path, task: str = "") -> list[Path]:
    """Write the LaTeX tables of a task, or else those of the whole chapter.

    Returns their paths, `{name}.tex` in the folder.
    """
    written = []
    for each in latex_tables(of_task=bool(task)):
        path = Path(folder) / f"{each.file}.tex"
        about = task or tables.tasks[0]
        given = arguments(each.parameters, tables, about)
        write_text(path, each.function(**given))
        written.append(path)
    return written


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all, the same bytes on every system."""
    with atomic(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8", newline="\n")
