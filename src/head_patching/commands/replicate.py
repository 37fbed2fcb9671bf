"""head-patching replicate: published values of a model beside ours."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Level, Out, Resamples, Seed


def replicate(
    model: Annotated[str, typer.Option(help="The model, by its registered name.")],
    resamples: Resamples,
    seed: Seed,
    out: Out,
    out_agreement: Annotated[
        Path, typer.Option(metavar="CSV", help="How far roles agree with the list.")
    ],
    out_disagreements: Annotated[
        Path, typer.Option(metavar="CSV", help="Heads on which the two differ.")
    ],
    out_roles: Annotated[
        Path, typer.Option(metavar="CSV", help="The published heads, of their model.")
    ],
    pairs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="JSONL",
            help="Prompt pairs of each setting of the begin-of-sequence token, "
            "first the chapter's.",
        ),
    ] = None,
    behaviour: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="In that order (measure-behaviour)."),
    ] = None,
    evidence: Annotated[
        list[Path] | None,
        typer.Option(metavar="NC", help="In that order (measure-evidence)."),
    ] = None,
    roles: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="In that order (classify-roles)."),
    ] = None,
    role_criteria: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="In that order (classify-roles)."),
    ] = None,
    level: Level = 0.95,
) -> None:
    """Compare published values of a model with ours, with and without a start token.

    Without published values of the model, the tables have no rows and nothing is read;
    published roles are those of the model that they were published for.
    """
    from head_patching.files.datasets import MEASURED, read_dataset
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.roles import published, replication
    from head_patching.roles.measured import from_dataset
    from head_patching.statistics import Statistics
    from head_patching.tasks.pairs import PromptPairs

    values, listed = published.published_values(model), published.published_heads(model)
    given = [pairs, behaviour, evidence, roles, role_criteria]
    files = [each or [] for each in given] if len(values) else [[]] * len(given)
    if len({len(each) for each in files}) > 1 or (len(values) and not files[0]):
        counts = ", ".join(str(len(each)) for each in files)
        raise ValueError(
            f"expected pairs, behaviour, evidence, roles and role criteria of each "
            f"setting of the begin-of-sequence token, got {counts} files"
        )
    settings = []
    for prompts, answers, measured, classified, verdicts in zip(*files, strict=True):
        criteria = {
            each.criterion: each
            for each in from_dataset(read_dataset(measured, MEASURED))
        }
        settings.append(
            replication.Setting(
                PromptPairs.read(prompts).prepend_bos, not settings,
                read_table("behaviour", answers), criteria,
                read_table("roles", classified),
                read_table("role_criteria", verdicts),
            )
        )  # fmt: skip
    statistics = Statistics(resamples, seed=seed, level=level)
    write_table(
        "published_roles", out_roles, published.published_roles(published.MODEL)
    )
    write_table(
        "role_agreement",
        out_agreement,
        replication.role_agreement(listed, settings, statistics),
    )
    write_table(
        "role_disagreements",
        out_disagreements,
        replication.role_disagreements(listed, settings),
    )
    write_table(
        "replication",
        out,
        replication.replication(values, listed, settings, statistics),
    )
