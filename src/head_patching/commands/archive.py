"""head-patching archive: everything to deposit, in one file."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands.options import Out


def archive(
    out: Out,
    project: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The repository's root.")
    ] = Path(),
    results: Annotated[
        str, typer.Option(metavar="FOLDER", help="Results, as a path from there.")
    ] = "results",
) -> None:
    """Pack sources, results and chapter, with a description, for a deposit."""
    from head_patching.archive import write_archive

    names = write_archive(project, results, out)
    size = out.stat().st_size / 2**20
    print(f"{len(names)} files, {size:.1f} MiB: {out}")
