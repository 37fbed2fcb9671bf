"""head-patching build-numbers: every number that the chapter's text uses."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import ModelFolder, Out
from head_patching.commands.experiment import (
    Experiments,
    Provenance,
    Validation,
    read_experiments,
)


def build_numbers(
    experiment: Experiments,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Out,
    out_table: Annotated[
        Path, typer.Option(metavar="CSV", help="The same, unrounded, with sources.")
    ],
) -> None:
    """Write every number of the text as a LaTeX macro, and where it comes from."""
    from head_patching.files.writing import write_csv
    from head_patching.reporting import numbers

    results = read_experiments(experiment, model_folder, validation, provenance)
    found = numbers.sourced_numbers(results)
    numbers.write_numbers({key: each.text for key, each in found.items()}, out)
    write_csv(out_table, numbers.numbers_table(found))
