"""head-patching why: which module made the results of a rule stale."""

from pathlib import Path
from typing import Annotated

import typer


def why(
    what: Annotated[
        str,
        typer.Argument(metavar="RULE_OR_FILE", help="A rule's name, or a result file."),
    ],
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of a whole build.")
    ] = Path("results"),
) -> None:
    """Print which code has changed since a file, or the files of a rule, were made.

    A result depends on inputs and settings, too: `snakemake -n` names these.
    """
    from head_patching.building.code import Code, packages_in, running_packages
    from head_patching.building.staleness import changes, records_of

    # Where the workflow is, figures are, too; this process imports none.
    here = packages_in(Path())
    code = Code(here if here["head_patching"].is_dir() else running_packages())
    found = records_of(what, results)
    stale, reasons = 0, dict[str, str]()
    for recorded in found.values():
        since = {} if recorded is None else changes(recorded, code)
        stale += recorded is None or bool(since)
        reasons |= since
        if recorded is None:
            reasons["the code"] = "was not recorded"
    typer.echo(f"{what}: {stale} of {len(found)} results were made by other code")
    for name, reason in sorted(reasons.items()):
        typer.echo(f"  {name} {reason}")
