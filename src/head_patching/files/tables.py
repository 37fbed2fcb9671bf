"""Tables of results, read and written as the register describes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from head_patching.files.pairs_file import read_records
from head_patching.files.reading import (
    AGAIN,
    read_record,
    reading,
    require_recorded,
    require_whole_lines,
)
from head_patching.files.register import TABLES, Table
from head_patching.files.writing import write_csv

if TYPE_CHECKING:
    import pandas as pd


def read_table(name: str, path: Path | str, again: str = AGAIN) -> Any:
    """A table by the name that the register has, or the content of a record.

    Texts are as they were written, also where a text is empty or `NA`; of numbers, an
    empty cell is NaN. A JSON file gives a dict; prompt pairs give a `PairsFile`.

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
    frame = read_frame(table, path, again)
    for column in table.columns:
        if column not in frame.columns:
            raise ValueError(f"{path}: column {column!r} is missing: {again}")
    for column, kind in table.columns.items():
        wrong = wrong_cells(frame[column], kind)
        if len(wrong):
            kinds = {int: "whole number", float: "number"}
            raise ValueError(
                f"{path}, line {wrong.index[0] + 2}: {column} is "
                f"{str(wrong.iloc[0])[:40]!r}, expected a {kinds[kind]}: {again}"
            )
    if frame.empty and not table.may_be_empty:
        raise ValueError(f"{path}: there are no rows")
    return frame


def read_frame(table: Table, path: Path | str, again: str) -> "pd.DataFrame":
    """The cells of a CSV file, texts as they are written."""
    import pandas as pd

    texts = {name: str for name, kind in table.columns.items() if kind is str}
    numbers = [name for name, kind in table.columns.items() if kind is not str]
    with reading(path, "a table", again):
        require_whole_lines(path)
        frame = pd.read_csv(
            path,
            dtype=texts,
            keep_default_na=False,
            na_values={name: [""] for name in numbers},
        )
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("a line has more cells than the first")
    require_recorded(path)
    return frame


def write_table(name: str, path: Path | str, frame: "pd.DataFrame") -> None:
    """Write a table that is as the register says.

    Raises
    ------
    TypeError
        When it has other columns, or something else than numbers in a column of
        numbers: the code that made it and the register differ, which is a bug.
    """
    columns = TABLES[name].columns
    if list(frame.columns) != [*columns]:
        raise TypeError(
            f"{name} has the columns {', '.join(map(str, frame.columns))}; expected "
            f"{', '.join(columns)}, as in the register"
        )
    for column, kind in columns.items():
        wrong = wrong_cells(frame[column], kind)
        if len(wrong):
            raise TypeError(
                f"{name}: {column} is {wrong.iloc[0]!r}; expected {kind.__name__}, as "
                "in the register"
            )
    write_csv(path, frame)


def wrong_cells(column: "pd.Series", kind: type) -> "pd.Series":
    """The cells of a column that are not numbers where the register says so."""
    import pandas as pd

    if kind is str:
        return column.head(0)
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if kind is int:
        wrong |= numbers.notna() & (numbers % 1 != 0)
    return column[wrong]
