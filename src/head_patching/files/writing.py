"""Writing results: whole or not at all, with units and a version."""

import errno
import importlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from head_patching.files.cells import KINDS, wrong_cells
from head_patching.files.processes import is_running
from head_patching.files.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# What the system, HDF5 and safetensors say when nothing more can be written.
FULL = re.compile(r"No space left on device|quota exceeded|errno = (28|122)\b", re.I)


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block succeeds.

    A process killed inside the block leaves nothing under the final name, and two that
    write the same file do not share the temporary one.

    Raises
    ------
    OSError
        Naming `path`, when it cannot be written or the disk is full.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        partial.touch()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with naming_a_full_disk(path):
            yield partial
            partial.chmod(0o644)  # safetensors makes files that only the owner can read
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def naming_a_full_disk(path: Path) -> Iterator[None]:
    """Turn what libraries raise when the disk is full into an OSError of that path."""
    try:
        yield
    except Exception as error:
        if FULL.search(str(error)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def remove_leftovers(path: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote `path`."""
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    leftover = re.compile(rf"\.{stem}\.(\d+)\.partial{suffix}")
    for file in path.parent.iterdir():
        match = leftover.fullmatch(file.name)
        if match and not is_running(match[1]):
            file.unlink(missing_ok=True)


def write_dataset(path: Path | str, dataset: "xr.Dataset") -> None:
    """Write named axes, units and attributes to netCDF."""
    stamped = dataset.assign_attrs(schema_version=SCHEMA_VERSION)
    # In memory first: HDF5 ends the process when the disk is full.
    content = stamped.to_netcdf(engine="h5netcdf")
    with atomic(path) as partial:
        partial.write_bytes(content)


def write_csv(path: Path | str, frame: "pd.DataFrame") -> None:
    """Write a table with six decimals, without its index."""
    with atomic(path) as partial:
        frame.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")


def write_table(name: str, path: Path | str, frame: "pd.DataFrame") -> None:
    """Write a table that is as the register says.

    Raises
    ------
    TypeError
        When it has other columns, or something else than numbers in a column of
        numbers: the code that made it and the register differ, which is a bug.
    """
    # No import statement: the register may stop a table from being written, but changes
    # no byte of it. So a new table reruns no command that only writes others.
    register = importlib.import_module("head_patching.files.register")
    columns = register.TABLES[name].columns
    if list(frame.columns) != [*columns]:
        raise TypeError(
            f"{name} has the columns {', '.join(map(str, frame.columns))}; expected "
            f"{', '.join(columns)}, as in the register"
        )
    for column, kind in columns.items():
        wrong = wrong_cells(frame[column], kind)
        if len(wrong):
            raise TypeError(
                f"{name}: {column} is {wrong.iloc[0]!r}; expected {KINDS[kind]}, as in "
                "the register"
            )
    write_csv(path, frame)


def write_json(path: Path | str, record: dict[str, Any]) -> None:
    """Write a record with sorted keys and the schema version."""
    stamped = record | {"schema_version": SCHEMA_VERSION}
    with atomic(path) as partial:
        text = json.dumps(stamped, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
