"""head-patching trace: where a number of the chapter comes from."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._whole_build import Build, read_build

SHOWN = 12  # digits of a checksum


def trace(
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help=r"As in the text: \result{KEY}."),
    ],
    results: Build = Path("results"),
) -> None:
    """Print a number's value, its function, its files, and what made these."""
    from head_patching.files.recorded import noting_changed_files
    from head_patching.files.records import read_record
    from head_patching.files.tables import read_table
    from head_patching.reporting.chapter import chapter_numbers
    from head_patching.reporting.origins import origins

    numbers = read_table("numbers", results / "numbers.csv")
    provenance = read_record(results / "provenance.json", ["runs", "rules"])
    with noting_changed_files():  # `verify` names them
        functions = chapter_numbers(read_build(results))
    for key in keys:
        row, files = origins(key, numbers, provenance)
        typer.echo(f"{key} = {row['text']}")
        if row["exact"]:
            typer.echo(f"  rounded from  {row['exact']}")
        given = functions.get(key)
        name = given.function if given else "no function of this version"
        typer.echo(f"  given by      {name}")
        for each in files:
            typer.echo(f"  computed from {each.file}")
            typer.echo(f"    rule        {each.rule or 'none'}")
            if each.command:
                typer.echo(f"    command     {each.command}")
            for path, checksum in each.inputs.items():
                typer.echo(f"    input       {path}  sha256 {checksum[:SHOWN]}...")
