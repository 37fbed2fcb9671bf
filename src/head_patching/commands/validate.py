"""head-patching validate: roles found in planted models against the truth."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from head_patching.commands._options import (
    RandomGroups,
    RandomOrders,
    Rate,
    SignFlips,
    Threads,
    Threshold,
    use_threads,
)
from head_patching.commands._planting import (
    BY_SEED,
    each_once,
    models_in_turn,
    noise_level,
    planted_models,
    redundancy_level,
)
from head_patching.terms import SHARED

# The tasks that planted models do.
TASKS = ("ioi", "induction")

Seeds = Annotated[
    str, typer.Option(help="Seeds of planted models: 3, 0-9, or 0-4,7,100-119.")
]


def validate(
    architecture: Annotated[
        list[str] | None, typer.Option(help="gpt2 or llama; may be repeated.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="ioi or induction; may be repeated.")
    ] = None,
    task_of_shared: Annotated[
        list[str] | None,
        typer.Option(
            help="A task for models whose heads share jobs alone; may be repeated."
        ),
    ] = None,
    seeds: Seeds = "0-9",
    noise: Annotated[
        list[str] | None,
        typer.Option(help="A noise level, or default; may be repeated."),
    ] = None,
    redundancy: Annotated[
        list[str] | None,
        typer.Option(
            help="How many heads do each job alone (1, 2, 3), or shared; may be "
            "repeated."
        ),
    ] = None,
    attention: Annotated[
        list[str] | None,
        typer.Option(
            help="soft, saturated, or by-seed (in turn); may be repeated. Without it: "
            "soft for shared jobs, else saturated."
        ),
    ] = None,
    wiring: Annotated[
        list[str] | None,
        typer.Option(
            help="What S-inhibition heads write: both, place, token, separate, or "
            "by-seed (in turn); may be repeated. Without it: both for shared jobs, "
            "else in turn."
        ),
    ] = None,
    null_models: Annotated[
        bool,
        typer.Option(
            "--null-models",
            help="Score models without a circuit or a role, too, in turn, of one kind "
            "after the other.",
        ),
    ] = False,
    null_seeds: Annotated[
        str | None, typer.Option(help="Their seeds, if not those of the others.")
    ] = None,
    decoys: Annotated[
        list[str] | None,
        typer.Option(
            help="Score models that hold heads without a role, too: attention, effect, "
            "copying, rescaling; may be repeated."
        ),
    ] = None,
    decoy_seeds: Annotated[
        str | None, typer.Option(help="Their seeds, if not those of the others.")
    ] = None,
    n_pairs: Annotated[int, typer.Option("--pairs", min=2)] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the prompts.")] = 0,
    criteria: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Criteria of the roles: TASK.yaml.")
    ] = Path("config/roles"),
    threshold: Threshold = 0.02,
    false_discovery_rate: Rate = 0.05,
    sign_flips: SignFlips = 20000,
    random_groups: RandomGroups = 6,
    random_orders: RandomOrders = 2,
    threads: Threads = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Planted and found, by head."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The scores."),
    ] = None,
) -> None:
    """Score the roles found in models whose circuit is known."""
    from dataclasses import replace

    import pandas as pd

    from head_patching.commands._printed_scores import print_scores
    from head_patching.commands._progress import progress
    from head_patching.files.writing import write_json, write_table
    from head_patching.patching.effects import Importance
    from head_patching.roles import false_findings, validation
    from head_patching.roles.classifier import Classifier
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.groups import TraceRules
    from head_patching.statistics import Statistics
    from head_patching.tasks import find_task

    use_threads(threads)
    if null_seeds and not null_models:
        raise ValueError("--null-seeds is of the models that --null-models adds")
    if decoy_seeds and not decoys:
        raise ValueError("--decoy-seeds is of the models that --decoys adds")
    kinds = model_kinds(architecture, noise, redundancy, attention, wiring)
    models = planted_models(kinds, seeds)
    if null_models:
        drawn = models_in_turn(kinds, null_seeds or seeds)
        models += [validation.null_model(each) for each in drawn]
    if decoys:
        drawn = models_in_turn(kinds, decoy_seeds or seeds)
        models += [replace(each, decoys=tuple(decoys)) for each in drawn]
    tasks, of_shared = task or [*TASKS], task_of_shared or []
    classifiers = {
        name: Classifier(
            read_criteria(criteria / f"{find_task(name).name}.yaml"),
            Importance(threshold, false_discovery_rate),
            Statistics(n_sign_flips=sign_flips, seed=seed),
        )
        for name in (*tasks, *of_shared)
    }
    rules = TraceRules(random_groups, random_orders, receiver_sets=0, seed=seed)
    tables = []
    with progress(f"Validating roles on {len(models)} planted models") as advance:
        for planted in models:
            names = [*tasks, *(of_shared if planted.redundancy is None else [])]
            asked = {name: classifiers[name] for name in names}
            tables.append(
                validation.validate_model(planted, asked, rules, n_pairs, seed)
            )
            advance(1 / len(models))
    table = pd.concat(tables, ignore_index=True)
    if out is not None:
        write_table("validation", out, table)
    if json is not None:
        write_json(json, false_findings.as_record(table))
    print_scores(table)


def model_kinds(
    architecture: list[str] | None,
    noise: list[str] | None,
    redundancy: list[str] | None,
    attention: list[str] | None,
    wiring: list[str] | None,
) -> dict[str, list[Any]]:
    """What each setting of the models is to be, by its name in `PlantedModel`.

    Parameters
    ----------
    architecture, noise, redundancy, attention, wiring
        As given on the command line. Without, all architectures at the default noise
        whose heads share jobs, and the attention and wiring that go with redundancy.

    Raises
    ------
    ValueError
        When one does not exist, or is there twice.
    """
    from head_patching.lookup import one_of
    from head_patching.planted.circuit import (
        ARCHITECTURES,
        ATTENTION,
        DEFAULT_NOISE,
        WIRINGS,
    )

    def named(kind: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
        return lambda text: one_of(kind, text, allowed)

    given = {
        "architecture": architecture or [*ARCHITECTURES],
        "noise": noise or ["default"],
        "redundancy": redundancy or [SHARED],
        "attention": attention or [],
        "wiring": wiring or [],
    }
    read: dict[str, Callable[[str], Any]] = {
        "architecture": named("architecture", ARCHITECTURES),
        "noise": lambda text: noise_level(text, DEFAULT_NOISE),
        "redundancy": redundancy_level,
        "attention": named("attention", (*ATTENTION, BY_SEED)),
        "wiring": named("wiring", (*WIRINGS, BY_SEED)),
    }
    chosen = {kind: each_once(kind, given[kind], read[kind]) for kind in given}
    return {kind: values or [None] for kind, values in chosen.items()}
