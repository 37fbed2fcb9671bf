"""head-patching trace: where a number of the chapter comes from."""

from pathlib import Path
from typing import Annotated

import typer

SHOWN = 12  # digits of a checksum


def trace(
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help=r"As in the text: \result{KEY}."),
    ],
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of a whole build.")
    ] = Path("results"),
) -> None:
    """Print a number's value, the files it was computed from, and what made them."""
    from head_patching.files.records import read_record
    from head_patching.files.tables import read_words
    from head_patching.reporting.origins import origins

    numbers = read_words(results / "numbers.csv", ["key", "text", "exact", "files"])
    provenance = read_record(results / "provenance.json", ["runs", "rules"])
    for key in keys:
        row, files = origins(key, numbers, provenance)
        typer.echo(f"{key} = {row['text']}")
        if row["exact"]:
            typer.echo(f"  rounded from  {row['exact']}")
        for each in files:
            typer.echo(f"  computed from {each.file}")
            typer.echo(f"    rule        {each.rule or 'none'}")
            if each.command:
                typer.echo(f"    command     {each.command}")
            for path, checksum in each.inputs.items():
                typer.echo(f"    input       {path}  sha256 {checksum[:SHOWN]}...")
