"""head-patching build-numbers: every number that the chapter's text uses."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._chapter_tables import (
    Experiments,
    Provenance,
    Validation,
    chapter_tables,
)
from head_patching.commands._options import ModelFolder, Out


def build_numbers(
    experiment: Experiments,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Out,
    out_table: Annotated[
        Path, typer.Option(metavar="CSV", help="Unrounded numbers and their files.")
    ],
) -> None:
    """Write every number of the text as a LaTeX macro, and where it comes from."""
    from head_patching.files.writing import write_table
    from head_patching.reporting import chapter

    tables = chapter_tables(experiment, model_folder, validation, provenance)
    found = chapter.chapter_numbers(tables)
    chapter.write_numbers(found, out)
    write_table("numbers", out_table, chapter.numbers_table(found))
