"""The version of how files are arranged, and refusing files of another one."""

from pathlib import Path

from head_patching.files.reading import AGAIN

# One for all files, raised whenever any of them is arranged in another way.
SCHEMA_VERSION = 2


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
