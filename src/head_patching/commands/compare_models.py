"""head-patching compare-models: several models on the same tasks."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Out


def compare_models(
    out: Out,
    out_roles: Annotated[
        Path, typer.Option(metavar="CSV", help="Heads with a role, by relative depth.")
    ],
    model: Annotated[
        list[Path] | None,
        typer.Option(metavar="JSON", help="model.json of each experiment; repeated."),
    ] = None,
    pairs: Annotated[
        list[Path] | None, typer.Option(metavar="JSONL", help="In that order.")
    ] = None,
    behaviour: Annotated[
        list[Path] | None, typer.Option(metavar="CSV", help="In that order.")
    ] = None,
    effects: Annotated[
        list[Path] | None, typer.Option(metavar="CSV", help="In that order.")
    ] = None,
    roles: Annotated[
        list[Path] | None, typer.Option(metavar="CSV", help="In that order.")
    ] = None,
) -> None:
    """Compare models by behaviour, important heads and roles, on each task.

    Without any experiment the tables have no rows: one model alone is not compared.
    """
    from head_patching.files.records import read_record
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.roles import model_comparison
    from head_patching.tasks.pairs import PromptPairs

    files = [each or [] for each in (model, pairs, behaviour, effects, roles)]
    if len({len(each) for each in files}) > 1:
        counts = ", ".join(str(len(each)) for each in files)
        raise ValueError(
            "expected model, pairs, behaviour, effects and roles of each experiment, "
            f"got {counts} files"
        )
    experiments = []
    for about, prompts, answers, patched, classified in zip(*files, strict=True):
        config = read_record(about, ["config"])["config"]
        given = PromptPairs.read(prompts)
        experiments.append(
            model_comparison.Experiment(
                config["name"], (config["n_layers"], config["n_heads"]), given.task,
                given.prepend_bos, read_table("behaviour", answers),
                read_table("effects", patched),
                read_table("roles", classified),
            )
        )  # fmt: skip
    write_table("model_roles", out_roles, model_comparison.roles_in_depth(experiments))
    write_table("models", out, model_comparison.compare_models(experiments))
