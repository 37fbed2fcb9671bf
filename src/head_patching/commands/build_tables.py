"""head-patching build-tables: the tables of one task."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import ModelFolder
from head_patching.commands.experiment import (
    Experiment,
    Provenance,
    Validation,
    read_experiment,
)


def build_tables(
    experiment: Experiment,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where they go.")],
) -> None:
    """Write every table of a task as LaTeX."""
    from head_patching.reporting.tables import TASK_TABLES, write_tables

    results = read_experiment(experiment, model_folder, validation, provenance)
    write_tables(results, TASK_TABLES, out)
