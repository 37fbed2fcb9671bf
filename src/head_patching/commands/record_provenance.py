"""head-patching record-provenance: the records of all runs in one file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Out
from head_patching.files import provenance


def record_provenance(
    records: Annotated[
        list[Path],
        typer.Argument(metavar="RECORD...", help="Run records (*.run.json)."),
    ],
    model: Annotated[
        list[Path], typer.Option(metavar="JSON", help="A prepared model's model.json.")
    ],
    settings: Annotated[
        str, typer.Option(metavar="JSON", help="The config of the run.")
    ],
    rules: Annotated[
        str,
        typer.Option(metavar="JSON", help="Pattern of a path -> rule that makes it."),
    ],
    out: Out,
) -> None:
    """Collect where the results come from, for the chapter's provenance table."""
    from head_patching.files.writing import write_json

    given = {"settings": json.loads(settings), "rules": json.loads(rules)}
    for name, value in given.items():
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be a JSON object, got {value}")
    write_json(out, provenance.collect(records, model, **given))
