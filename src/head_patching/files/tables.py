"""Tables of results, read as the register describes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from head_patching.files.cells import KINDS, wrong_cells
from head_patching.files.pairs_file import read_records
from head_patching.files.reading import AGAIN, reading
from head_patching.files.recorded import require_recorded
from head_patching.files.records import read_record
from head_patching.files.register import TABLES

if TYPE_CHECKING:
    import pandas as pd


def read_table(name: str, path: Path | str, again: str = AGAIN) -> Any:
    """A table by the name that the register has, or the content of a record.

    Texts are as they were written, also where a text is empty or `NA`; an empty cell of
    a column of numbers is NaN. A JSON file gives a dict, prompt pairs a `PairsFile`.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it was cut short or is not what was written, a column is missing, a cell
        is not a number where one is expected, or there are no rows.
    """
    table = TABLES[name]
    if table.file.endswith(".jsonl"):
        pairs = read_records(Path(path))
        require_recorded(path)
        return pairs
    if table.file.endswith(".json"):
        return read_record(path, [*table.columns], again)
    frame = read_columns(path, table.columns, again)
    if frame.empty and not table.may_be_empty:
        raise ValueError(f"{path}: there are no rows")
    return frame


def read_columns(
    path: Path | str,
    columns: Mapping[str, type],
    again: str = AGAIN,
    others: type | None = None,
) -> "pd.DataFrame":
    """A CSV file with at least these columns.

    Parameters
    ----------
    columns
        The type of each: `str`, `int` or `float`.
    again
        What to do about a damaged file.
    others
        The type of all other columns; None: as pandas takes them.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_table`, but for files without rows.
    """
    frame, types = read_cells(path, columns, again, others)
    require_recorded(path)
    for column, kind in types.items():
        if column not in frame.columns:
            raise ValueError(f"{path}: column {column!r} is missing: {again}")
        wrong = wrong_cells(frame[column], kind)
        if len(wrong):
            raise ValueError(
                f"{path}, line {wrong.index[0] + 2}: {column} is "
                f"{str(wrong.iloc[0])[:40]!r}, expected {KINDS[kind]}: {again}"
            )
    return frame


def read_cells(
    path: Path | str,
    columns: Mapping[str, type],
    again: str,
    others: type | None,
) -> tuple["pd.DataFrame", dict[str, type]]:
    """The cells of a CSV file, unchecked, and the type that each column should have."""
    import pandas as pd

    with reading(path, "a table", again):
        if not Path(path).read_bytes().endswith(b"\n"):
            raise ValueError("its last line is not complete")
        present = pd.read_csv(path, nrows=0).columns
        types = dict.fromkeys(present, others) if others else {}
        types |= columns
        frame = pd.read_csv(
            path,
            dtype={name: str for name, kind in types.items() if kind is str},
            keep_default_na=False,
            na_values={name: [""] for name in present if types.get(name) is not str},
        )
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("a line has more cells than the first")
    return frame, types
