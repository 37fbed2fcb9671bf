"""Whether a file is still the one that its run record was written for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from head_patching.files.checksums import sha256_file
from head_patching.files.reading import AGAIN
from head_patching.files.records import read_record

# Where files that were changed after they were written are noted, not refused.
noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noting_changed_files() -> Iterator[list[str]]:
    """Read files that were changed after they were written, too, and list them."""
    files: list[str] = []
    token = noted.set(files)
    try:
        yield files
    finally:
        noted.reset(token)


def require_recorded(path: Path | str) -> None:
    """Refuse a file that has changed since its run record was written.

    The record is its own, or that of a run that wrote several files. A file without
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
    """The records in a file's folder that name it, each with its checksum."""
    for record in sorted(path.parent.glob("*.run.json")):
        try:
            written = read_record(record)
        except (FileNotFoundError, ValueError):
            if record.is_file():
                raise
            continue  # removed since it was listed: a job is about to make it again
        checksums = recorded_files(written)
        if path.name in checksums:
            yield record, checksums[path.name]


def recorded_files(record: Mapping[str, Any]) -> dict[str, object]:
    """The files that a run wrote into the folder of its record, with checksums."""
    # A record's name may be that of several files, but for the suffix.
    files = dict(record.get("beside", {}))
    if "file" in record:
        files[record["file"]] = record.get("sha256")
    return files
