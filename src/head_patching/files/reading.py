"""Reading files that others may have damaged: one line that names the file.

A reader raises nothing but `FileNotFoundError`, `PermissionError` and `ValueError` for
anything that a file may hold. Only the libraries that read are called within `reading`:
a mistake in this project's own code is no damaged file and stays a traceback.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What to do about a file that cannot be read.
AGAIN = "delete it and run snakemake again"

# What pandas, xarray, h5netcdf and json raise for damaged files; a RuntimeError is for
# JSON that is nested too deeply.
LIBRARY_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError)


@contextmanager
def reading(
    path: Path | str,
    kind: str,
    again: str = AGAIN,
    errors: tuple[type[Exception], ...] = LIBRARY_ERRORS,
) -> Iterator[None]:
    """Turn what a library raises for a damaged file into one line that names it.

    Parameters
    ----------
    path, kind
        The file, and what it should be: `a table`.
    again
        What to do about it.
    errors
        What the library raises for a damaged file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        For such an error in the block.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        yield
    except PermissionError:
        raise
    except errors as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} is not {kind}, or damaged ({detail[:200]}): {again}"
        ) from error


def read_json(path: Path | str, again: str = AGAIN) -> dict[str, Any]:
    """The object in a JSON file, whoever wrote it.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it holds something else.
    """
    with reading(path, "JSON", again):
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError(f"it holds {type(record).__name__}, expected an object")
    return record
