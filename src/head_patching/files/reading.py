"""Reading results: what was written, or one line that names the file and what to do.

Every file of the project is read through here, or within `reading`. Whatever the file
holds, a reader raises nothing but `FileNotFoundError` and `ValueError`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from head_patching.files.checksums import sha256_file
from head_patching.files.writing import SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# What to do about a file that cannot be read.
AGAIN = "delete it and run snakemake again"

# Where files that were changed after they were written are noted, not refused.
noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)

# Variables without which a dataset is no patched run, or no evidence.
PATCHED = ("logit_diff", "clean_logit_diff", "corrupt_logit_diff")
MEASURED = ("pair_values", "pair_scale", "pair_group", "pair_tested")

# Columns that hold numbers, in whatever table they are.
NUMBERS = {
    "abs_diff", "accuracy", "attention", "auc", "baseline", "ci_high", "ci_low",
    "copies", "difference", "distance", "engine", "fn", "fp", "head", "important",
    "jaccard", "key_pos", "largest_error", "later_head", "later_layer", "layer",
    "mean", "n", "n_heads", "n_models", "n_pairs", "n_resamples", "noise",
    "p_value", "pair", "pearson", "precision", "probability", "q_value",
    "query_pos", "recall", "reference", "refused", "seed", "shared", "spearman",
    "threshold", "tp", "value", "z",
}  # fmt: skip

# What stands under a key, in whatever record it is, as JSON schemas.
TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
RUN = {
    "type": "object",
    "required": ["command", "inputs"],
    "properties": {"command": TEXT, "inputs": TEXTS, "file": TEXT, "beside": TEXTS},
}
CHECK = {
    "type": "object",
    "properties": {"failed": {"type": "array", "items": TEXT}},
}
PROVENANCE = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": TEXT, "check": CHECK},
}
SHAPES = RUN["properties"] | {
    "checkpoint": TEXTS,
    "config": {"type": "object"},
    "packages": TEXTS,
    "provenance": PROVENANCE,
    "rules": TEXTS,
    "runs": {"type": "object", "additionalProperties": RUN},
    "settings": {"type": "object"},
    "sha256": TEXT,
}


@contextmanager
def reading(path: Path | str, kind: str, again: str = AGAIN) -> Iterator[None]:
    """Turn what a damaged file makes its reader raise into one line that names it.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        For any other failure in the block; the libraries that read raise all sorts.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        yield
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} is not {kind}, or damaged ({detail[:200]}): {again}"
        ) from error


def require_version(path: Path | str, found: object, again: str = AGAIN) -> None:
    """Refuse a file whose content is arranged as in another version of this project.

    Raises
    ------
    ValueError
        Which says whether that version is older or newer, and what to do.
    """
    if found == SCHEMA_VERSION and not isinstance(found, bool):
        return
    if isinstance(found, int) and found > SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {found} is of a newer head-patching, this one "
            f"reads {SCHEMA_VERSION}: use the newer one, or {again}"
        )
    shown = f"schema version {found!r}" if found is not None else "no schema version"
    raise ValueError(
        f"{path}: {shown[:60]}, of an older head-patching or another program; this one "
        f"reads {SCHEMA_VERSION}: {again}"
    )


@contextmanager
def noting_changed_files() -> Iterator[list[str]]:
    """Read files that are not those of their run records, too: the list names them."""
    files: list[str] = []
    token = noted.set(files)
    try:
        yield files
    finally:
        noted.reset(token)


def require_recorded(path: Path | str) -> None:
    """Refuse a file that is not the one a run record beside it was written for.

    That is its own, or that of a run that wrote it besides its result. A file without
    a record is taken as it is. Within `noting_changed_files` none is refused.

    Raises
    ------
    ValueError
        When the checksums differ.
    """
    for record, checksum in recorded_checksums(Path(path)):
        if checksum == sha256_file(path):
            continue
        changed = noted.get()
        if changed is not None:
            changed.append(str(path))
            return
        raise ValueError(
            f"{path} is not the file that {record.name} was written for (its SHA-256 "
            f"differs): {AGAIN}, or delete the record if you changed it on purpose"
        )


def recorded_checksums(path: Path) -> Iterator[tuple[Path, object]]:
    """The records beside a file that say what it must be, each with its checksum."""
    for record in sorted(path.parent.glob("*.run.json")):
        try:
            written = read_record(record)
        except (FileNotFoundError, ValueError):
            if record.is_file():
                raise
            continue  # removed since it was listed: a job is about to make it anew
        # A record's name may be that of several files, but for the suffix.
        checksums = written.get("beside", {})
        if "file" in written:
            checksums = checksums | {written["file"]: written.get("sha256")}
        if path.name in checksums:
            yield record, checksums[path.name]


def read_dataset(path: Path | str, variables: Sequence[str] = ()) -> "xr.Dataset":
    """Read a netCDF result that has at least these variables into memory.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it cannot be read, is not what was written, was written by another
        schema version, or lacks a variable.
    """
    import xarray as xr

    with reading(path, "a netCDF file"):
        # Before HDF5 sees it: what is damaged in the right place ends the process.
        require_signature(path)
    require_recorded(path)
    with reading(path, "a netCDF file"):
        dataset = xr.load_dataset(path, engine="h5netcdf")
        found = dataset.attrs.get("schema_version")
        version = found.item() if hasattr(found, "item") else found
    require_version(path, version)
    missing = [name for name in variables if name not in dataset]
    if missing:
        raise ValueError(f"{path}: variable {missing[0]!r} is missing: {AGAIN}")
    return dataset


def require_signature(path: Path | str) -> None:
    """Refuse a file that does not begin as HDF5 does."""
    with Path(path).open("rb") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise ValueError("it does not begin as HDF5 does")


def read_csv(
    path: Path | str, columns: Sequence[str] = (), again: str = AGAIN
) -> "pd.DataFrame":
    """Read a table that has at least these columns.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it was cut short or is not what was written, a column is missing, or a
        number is none.
    """
    import pandas as pd

    with reading(path, "a table", again):
        require_whole_lines(path)
        table = pd.read_csv(path)
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("a line has more cells than the first")
    require_recorded(path)
    require_columns(path, table, columns, again)
    for column in sorted(NUMBERS & {*table.columns}):
        if pd.api.types.is_numeric_dtype(table[column]):
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = table[column][numbers.isna() & table[column].notna()]
        if len(wrong):
            raise ValueError(
                f"{path}, line {wrong.index[0] + 2}: {column} is "
                f"{str(wrong.iloc[0])[:40]!r}, expected a number: {again}"
            )
    return table


def read_words(
    path: Path | str, columns: Sequence[str], again: str = AGAIN
) -> "pd.DataFrame":
    """Read a table with at least these columns whose cells are all texts.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it was cut short or a column is missing.
    """
    import pandas as pd

    with reading(path, "a table", again):
        require_whole_lines(path)
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    require_recorded(path)
    return require_columns(path, table, columns, again)


def require_whole_lines(path: Path | str) -> None:
    """Refuse a table that was cut short within a line."""
    if not Path(path).read_bytes().endswith(b"\n"):
        raise ValueError("its last line is not complete")


def require_columns(
    path: Path | str, table: "pd.DataFrame", columns: Sequence[str], again: str
) -> "pd.DataFrame":
    """The table, when it has at least these columns."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"{path}: column {missing[0]!r} is missing: {again}")
    return table


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


def read_record(
    path: Path | str,
    keys: Sequence[str] = (),
    again: str = AGAIN,
) -> dict[str, Any]:
    """What was given to `write_json`: with at least these keys, less the version.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it is not JSON, of another schema version, lacks a key, or has something
        else under one than is always there.
    """
    from jsonschema import Draft202012Validator, ValidationError  # slow to import

    record = read_json(path, again)
    require_version(path, record.pop("schema_version", None), again)
    missing = [key for key in keys if key not in record]
    if missing:
        raise ValueError(f"{path}: key {missing[0]!r} is missing: {again}")
    try:
        Draft202012Validator({"properties": SHAPES}).validate(record)
    except ValidationError as fault:
        place, found = ".".join(map(str, fault.absolute_path)), repr(fault.instance)
        expected = f"expected {fault.validator} {fault.validator_value}"
        raise ValueError(
            f"{path}: {place} is {found[:60]}, {expected}: {again}"
        ) from None
    return record
