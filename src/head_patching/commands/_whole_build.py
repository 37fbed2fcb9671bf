"""The results of a whole build, found by what its provenance says was built."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._chapter_tables import chapter_tables
from head_patching.models.registry import short_name

if TYPE_CHECKING:
    from head_patching.reporting.sources import TablesInFolders

Build = Annotated[
    Path, typer.Option(metavar="FOLDER", help="The folder of a whole build.")
]


def read_build(folder: Path) -> "TablesInFolders":
    """The tables of the chapter, each read when it is needed.

    Raises
    ------
    ValueError
        When the folder holds no finished build.
    """
    from head_patching.files.reading import AGAIN
    from head_patching.files.records import read_record

    provenance = folder / "provenance.json"
    if not provenance.is_file():
        raise ValueError(
            f"{provenance} does not exist: run `snakemake --cores 4` before"
        )
    settings = read_record(provenance, ["settings"])["settings"]
    models = settings.get("models")
    corruptions = {
        name.split(".")[1]: value
        for name, value in settings.items()
        if name.startswith("tasks.") and name.endswith(".corruption")
    }
    for named in (models, [*corruptions.values()]):
        if not isinstance(named, list) or not named or {*map(type, named)} != {str}:
            raise ValueError(f"{provenance}: its settings name {named}: {AGAIN}")
    model = folder / short_name(models[0])
    experiments = [model / task / value for task, value in corruptions.items()]
    return chapter_tables(
        experiments, model / "model", folder / "validation", provenance
    )
