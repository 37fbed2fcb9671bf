"""head-patching build-shared-tables: the chapter's tables that belong to no task."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import ModelFolder
from head_patching.commands.experiment import (
    Experiments,
    Provenance,
    Validation,
    read_experiments,
)


def build_shared_tables(
    experiment: Experiments,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where they go.")],
) -> None:
    """Write the tables of models, validation and provenance as LaTeX."""
    from head_patching.reporting.tables import SHARED_TABLES, write_tables

    results = read_experiments(experiment, model_folder, validation, provenance)
    write_tables(results[0], SHARED_TABLES, out)
