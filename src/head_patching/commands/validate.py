"""head-patching validate: roles found in planted models against the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from head_patching.commands._planting import noise_level

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

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
    seeds: Seeds = "0-9",
    noise: Annotated[
        list[str] | None,
        typer.Option(help="A noise level, or default; may be repeated."),
    ] = None,
    null_models: Annotated[
        bool,
        typer.Option("--null-models", help="Score models without a circuit, too."),
    ] = False,
    null_seeds: Annotated[
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
    random_groups: RandomGroups = 10,
    random_orders: RandomOrders = 3,
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
    import pandas as pd
    from rich.console import Console

    from head_patching.commands._progress import progress
    from head_patching.files.writing import write_json, write_table
    from head_patching.lookup import one_of
    from head_patching.patching.effects import Importance
    from head_patching.planted.circuit import ARCHITECTURES, DEFAULT_NOISE, PlantedModel
    from head_patching.roles import scores, validation
    from head_patching.roles.classifier import Classifier
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.groups import TraceRules
    from head_patching.statistics import Statistics
    from head_patching.tasks import find_task

    use_threads(threads)
    for name in architecture or ():
        one_of("architecture", name, ARCHITECTURES)
    levels = [noise_level(level, DEFAULT_NOISE) for level in noise or ["default"]]
    if len({*levels}) < len(levels):
        raise ValueError(f"noise {', '.join(noise or ())}: two levels are the same")
    names = dict.fromkeys(architecture or ARCHITECTURES)

    def planted_with(seeds: str) -> list[PlantedModel]:
        return [
            PlantedModel(name, number, level)
            for name in names
            for level in levels
            for number in seed_numbers(seeds)
        ]

    models = planted_with(seeds)
    if null_seeds and not null_models:
        raise ValueError("--null-seeds is of the models that --null-models adds")
    if null_models:
        drawn = planted_with(null_seeds or seeds)
        models += [validation.null_model(each) for each in drawn]
    classifiers = {
        name: Classifier(
            read_criteria(criteria / f"{find_task(name).name}.yaml"),
            Importance(threshold, false_discovery_rate),
            Statistics(n_sign_flips=sign_flips, seed=seed),
        )
        for name in task or TASKS
    }
    rules = TraceRules(random_groups, random_orders, receiver_sets=0, seed=seed)
    tables = []
    with progress(f"Validating roles on {len(models)} planted models") as advance:
        for planted in models:
            tables.append(
                validation.validate_model(planted, classifiers, rules, n_pairs, seed)
            )
            advance(1 / len(models))
    table = pd.concat(tables, ignore_index=True)
    if out is not None:
        write_table("validation", out, table)
    if json is not None:
        write_json(json, scores.as_record(table))
    console = Console()
    console.print(scores_table(scores.scores(table)))
    if null_models:
        nulls = scores.false_roles(table)
        for name, of_task in nulls.groupby("task", sort=False):
            console.print(
                f"{name}: {len(of_task)} null models: "
                f"{of_task['false_roles'].sum()} false roles, "
                f"{of_task['refused'].sum()} refused because they do not do the task."
            )


def seed_numbers(text: str) -> list[int]:
    """The seeds that a text like 0-4,7 names.

    Raises
    ------
    ValueError
        When it is not written like that.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"seeds {text!r}: expected numbers or ranges like 0-9,12")
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise ValueError(f"seeds {text!r}: {part.strip()} holds no number")
        numbers += span
    return sorted(set(numbers))


def scores_table(scores: "pd.DataFrame") -> "Table":
    """Precision and recall of each role, for the terminal."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("task", "model", "noise", "role"):
        table.add_column(heading, no_wrap=True)
    for heading in ("right", "wrong", "missed", "precision", "recall"):
        table.add_column(heading, justify="right")
    for row in scores.itertuples():
        table.add_row(
            row.task, row.architecture, f"{row.noise:g}", row.role, str(row.tp),
            str(row.fp), str(row.fn), f"{row.precision:.2f}", f"{row.recall:.2f}",
        )  # fmt: skip
    return table
