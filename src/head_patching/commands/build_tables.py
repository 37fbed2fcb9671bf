"""head-patching build-tables: the LaTeX tables of one task."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._chapter_tables import (
    Experiment,
    Provenance,
    Validation,
    chapter_tables,
)
from head_patching.commands._options import ModelFolder


def build_tables(
    experiment: Experiment,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where they go.")],
) -> None:
    """Write every LaTeX table that is about one task."""
    from head_patching.reporting.chapter import write_tables

    tables = chapter_tables([experiment], model_folder, validation, provenance)
    write_tables(tables, out, task=tables.tasks[0])
