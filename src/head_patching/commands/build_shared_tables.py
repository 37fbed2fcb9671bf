"""head-patching build-shared-tables: the chapter's tables that belong to no task."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._chapter_tables import (
    Experiments,
    Provenance,
    Validation,
    chapter_tables,
)
from head_patching.commands._options import ModelFolder


def build_shared_tables(
    experiment: Experiments,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where they go.")],
) -> None:
    """Write the LaTeX tables of models, validation and provenance."""
    from head_patching.reporting.chapter import write_tables

    tables = chapter_tables(experiment, model_folder, validation, provenance)
    write_tables(tables, out)
