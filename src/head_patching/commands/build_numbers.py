"""head-patching build-numbers: every number that the chapter's text uses."""

from head_patching.commands.experiment import (
    Experiments,
    Provenance,
    Validation,
    read_experiments,
)
from head_patching.commands.options import ModelFolder, Out


def build_numbers(
    experiment: Experiments,
    model_folder: ModelFolder,
    validation: Validation,
    provenance: Provenance,
    out: Out,
) -> None:
    """Write every number of the text as a LaTeX macro."""
    from head_patching.reporting import numbers

    results = read_experiments(experiment, model_folder, validation, provenance)
    numbers.write_numbers(numbers.build_numbers(results), out)
