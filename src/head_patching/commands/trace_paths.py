"""head-patching trace-paths: effects of heads through heads already found."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    Criteria,
    ModelFolder,
    Out,
    RandomGroups,
    RandomOrders,
    Rate,
    ReceiverSets,
    RoleResamples,
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
    role_resamples: RoleResamples,
    random_groups: RandomGroups,
    random_orders: RandomOrders,
    receiver_sets: ReceiverSets,
    seed: Seed,
    out: Out,
    out_groups: Annotated[
        Path, typer.Option(metavar="NC", help="What was found of groups of heads.")
    ],
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
    from head_patching.roles import group_answers, paths
    from head_patching.roles.classifier import Classifier
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.draws import Draws
    from head_patching.roles.groups import TraceRules
    from head_patching.roles.measured import from_dataset, to_dataset
    from head_patching.roles.resampled_paths import retrace_paths
    from head_patching.roles.tracer import tracer
    from head_patching.statistics import Statistics
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    classifier = Classifier(
        read_criteria(criteria),
        Importance(threshold, false_discovery_rate),
        Statistics(n_sign_flips=sign_flips, seed=seed),
    )
    rules = TraceRules(random_groups, random_orders, receiver_sets, seed)
    read = [PromptPairs.read(path) for path in pairs]
    trace = tracer(
        load_model(model_folder, device, dtype),
        {each.corruption: each for each in read},
    )
    known = from_dataset(read_dataset(evidence, MEASURED))
    traced = paths.trace_paths(trace, known, classifier, rules, typer.echo)
    measured = [*traced.measured]
    if classifier.criteria:
        draws = Draws.of(
            [*known, measured[0]], classifier.criteria, classifier.importance,
            role_resamples, seed,
        )  # fmt: skip
        added, left_over = retrace_paths(trace, traced, known, classifier, rules, draws)
        measured += added
        for each in left_over:
            typer.echo(
                f"{each.criterion}: {each.n_sets} sets of receivers in "
                f"{each.n_draws} resamples, {each.n_left_over} resamples left over"
            )
    measured += paths.sweep_steps(trace, traced.stages, typer.echo)
    write_dataset(out, to_dataset(measured))
    write_dataset(
        out_groups, group_answers.to_dataset(traced.stages, trace.prompts.templates)
    )
