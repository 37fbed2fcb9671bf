"""The results of one experiment, found in its folder under their usual names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from head_patching.reporting.sources import Results

Experiment = Annotated[
    Path,
    typer.Option(metavar="FOLDER", help="Folder with effects.csv, roles.csv, ..."),
]
Experiments = Annotated[
    list[Path],
    typer.Option(metavar="FOLDER", help="The same of each task; may be repeated."),
]
Provenance = Annotated[
    Path, typer.Option(metavar="JSON", help="Collected records (record-provenance).")
]

TABLES = (
    "attribution",
    "behaviour",
    "effects",
    "effects_by_position",
    "evidence",
    "roles",
    "role_criteria",
    "role_stability",
    "self_check",
    "weight_agreement",
    "weight_pairs",
    "composition_edges",
    "published_heads",
)
VALIDATION_TABLES = ("scores", "null_models")
MODEL_TABLES = ("overlap", "repetition", "weights", "replication")
MODEL_TABLES += ("role_agreement", "role_disagreements", "published_roles")
MODEL_TABLES += ("models", "model_roles")

Validation = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Folder of summarise-validation.")
]


def read_experiment(
    experiment: Path, model_folder: Path, validation: Path, provenance: Path
) -> "Results":
    """Everything that tables and numbers are made from."""
    from head_patching.reporting.sources import read_results

    return read_results(
        **{name: experiment / f"{name}.csv" for name in TABLES},
        **{name: validation / f"{name}.csv" for name in VALIDATION_TABLES},
        **{name: model_folder.parent / f"{name}.csv" for name in MODEL_TABLES},
        self_check_summary=experiment / "self_check.json",
        pairs=experiment / "pairs.jsonl",
        model=model_folder / "model.json",
        provenance=provenance,
    )


def read_experiments(
    experiments: list[Path], model_folder: Path, validation: Path, provenance: Path
) -> "list[Results]":
    """The same for the experiments of several tasks."""
    return [
        read_experiment(experiment, model_folder, validation, provenance)
        for experiment in experiments
    ]
