"""head-patching archive: everything to deposit, in one file."""

from pathlib import Path

from head_patching.commands._options import Out
from head_patching.commands._recording import unrecorded


@unrecorded
def archive(out: Out) -> None:
    """Pack sources, results and chapter, with a description, for a deposit."""
    from head_patching.building.archive import write_archive

    names = write_archive(Path(), out)
    size = out.stat().st_size / 2**20
    print(f"{len(names)} files, {size:.1f} MiB: {out}")
