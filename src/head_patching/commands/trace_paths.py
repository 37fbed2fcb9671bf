"""head-patching trace-paths: effects of heads through heads already found."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    Criteria,
    ModelFolder,
    Out,
    Rate,
    Seed,
    SignFlips,
    Threads,
    Threshold,
    use_threads,
)


def trace_paths(
    pairs: Annotated[
        list[Path],
        typer.Argument(
            metavar="JSONL...",
            help="The same clean prompts, in each corruption the task traces with.",
        ),
    ],
    model_folder: ModelFolder,
    evidence: Annotated[
        Path, typer.Option(metavar="NC", help="Evidence (measure-evidence).")
    ],
    threshold: Threshold,
    false_discovery_rate: Rate,
    sign_flips: SignFlips,
    seed: Seed,
    out: Out,
    criteria: Criteria = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Patch paths from every head to the answer and to the heads found so far."""
    from head_patching.files.datasets import MEASURED, read_dataset
    from head_patching.files.writing import write_dataset
    from head_patching.models.loading import load_model
    from head_patching.patching.effects import Importance
    from head_patching.roles import paths
    from head_patching.roles.classifier import Classifier
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.measured import from_dataset, to_dataset
    from head_patching.statistics import Statistics
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    classifier = Classifier(
        read_criteria(criteria),
        Importance(threshold, false_discovery_rate),
        Statistics(n_sign_flips=sign_flips, seed=seed),
    )
    read = [PromptPairs.read(path) for path in pairs]
    tracer = paths.tracer(
        load_model(model_folder, device, dtype),
        {each.corruption: each for each in read},
    )
    measured = paths.trace_paths(
        tracer,
        from_dataset(read_dataset(evidence, MEASURED)),
        classifier,
        on_step=typer.echo,
    )
    write_dataset(out, to_dataset(measured))
