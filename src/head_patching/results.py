"""Writing and reading results: whole or not at all, with units and a version."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

SCHEMA_VERSION = 1


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block succeeds.

    A process killed inside the block leaves nothing under the final name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        partial.chmod(0o644)  # safetensors makes files that only the owner can read
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_dataset(path: Path | str, dataset: xr.Dataset) -> None:
    """Write named axes, units and attributes to netCDF."""
    stamped = dataset.assign_attrs(schema_version=SCHEMA_VERSION)
    with atomic(path) as partial:
        stamped.to_netcdf(partial, engine="h5netcdf")


def read_dataset(path: Path | str) -> xr.Dataset:
    """Read a netCDF result into memory.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it cannot be read or was written by another schema version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a readable netCDF file: {error}") from error
    version = dataset.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {version} cannot be read, expected "
            f"{SCHEMA_VERSION}"
        )
    return dataset


def write_csv(path: Path | str, frame: pd.DataFrame) -> None:
    """Write a table with six decimals, without its index."""
    with atomic(path) as partial:
        frame.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")


def write_json(path: Path | str, record: dict[str, Any]) -> None:
    """Write a record with sorted keys."""
    with atomic(path) as partial:
        text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
