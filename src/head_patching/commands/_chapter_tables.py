"""The results that the chapter is made from, found in the folders of a build."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from head_patching.reporting.sources import TablesInFolders

Experiment = Annotated[
    Path,
    typer.Option(metavar="FOLDER", help="Folder with effects.csv, roles.csv, ..."),
]
Experiments = Annotated[
    list[Path],
    typer.Option(metavar="FOLDER", help="Folder of each task; may be repeated."),
]
Validation = Annotated[
    Path,
    typer.Option(metavar="FOLDER", help="Folder of scores.csv, in that of results."),
]
Provenance = Annotated[
    Path, typer.Option(metavar="JSON", help="Collected records (record-provenance).")
]


def chapter_tables(
    experiments: Sequence[Path], model_folder: Path, validation: Path, provenance: Path
) -> "TablesInFolders":
    """The tables of the chapter, each read when it is needed.

    Parameters
    ----------
    experiments
        The folder of each task's experiment; its prompt pairs say which task it is.
    model_folder
        The prepared model of the chapter, in the folder of that model's results.
    validation, provenance
        Where the folder of all results has them.

    Raises
    ------
    ValueError
        When the two are not of the same folder of results.
    """
    from head_patching.files.folders import Folders
    from head_patching.files.register import TABLES
    from head_patching.files.tables import read_table
    from head_patching.reporting.sources import TablesInFolders
    from head_patching.tasks import find_task, tasks

    pairs = TABLES["pairs"].file
    folders = {
        read_table("pairs", folder / pairs).header["task"]: folder
        for folder in experiments
    }
    corruptions = [name for task in tasks() for name in find_task(task).corruptions]
    chapter = Folders(provenance.parent, model_folder.parent, folders)
    if validation != chapter.path("scores").parent:
        raise ValueError(f"{validation} is not of the same results as {provenance}")
    if provenance != chapter.path("provenance"):
        raise ValueError(f"{provenance} is not {chapter.path('provenance').name}")
    return TablesInFolders(chapter, corruptions)
