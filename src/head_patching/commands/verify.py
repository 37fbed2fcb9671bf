"""head-patching verify: whether results are those of the reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._recording import unrecorded
from head_patching.commands._whole_build import Build, read_build

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

Reference = Annotated[
    Path, typer.Option(metavar="FOLDER", help="claims.yaml, values.csv, effects.csv.")
]


@unrecorded
def verify(
    results: Build = Path("results"),
    reference: Reference = Path("reference"),
    out: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Every claim with its verdict.")
    ] = None,
) -> None:
    """Compare the chapter's claims with the reference; exit 0 only if all hold."""
    from head_patching.files.recorded import noting_changed_files
    from head_patching.files.records import read_record
    from head_patching.files.writing import write_table
    from head_patching.reporting import claims
    from head_patching.reporting.chapter import chapter_numbers, numbers_table

    # A changed result is to be judged by the claims it breaks, and named as well.
    with noting_changed_files() as changed:
        tables = read_build(results)
        expected = read_record(reference / "settings.json", again=claims.FROM_GIT)
        obtained = tables.table("provenance")["settings"]
        others = claims.other_settings(expected, obtained)
        if others:
            raise ValueError(
                f"{results} was not made with the settings of {reference}: "
                f"{'; '.join(others)}"
            )
        numbers = numbers_table(chapter_numbers(tables))
        effects = claims.effects_by_head(tables.by_task("effects"))
    table = claims.verify(
        claims.read_claims(reference / "claims.yaml"),
        claims.read_values(reference / "values.csv"),
        numbers,
        claims.read_effects(reference / "effects.csv"),
        effects,
    )
    if out is not None:
        write_table("claims", out, table)
    print_claims(table, sorted({*changed}))
    if not table["holds"].all():
        raise typer.Exit(1)


def print_claims(claims: "pd.DataFrame", changed: list[str]) -> None:
    """Print every verdict, the files that were changed, and why claims do not hold."""
    from rich.console import Console

    Console().print(claims_table(claims))
    for file in changed:
        print(f"changed after it was written: {file}")
    failed = claims[claims["holds"] == 0]
    for row in failed.itertuples():
        print(
            f"{row.id}: {row.statement} ({row.where}) Expected {row.expected}, got "
            f"{row.obtained}; the largest difference is {row.difference:.2g}, at most "
            f"{row.tolerance:g} is allowed."
        )
    if len(failed):
        names = ", ".join(failed["id"])
        print(f"not reproduced: {names} ({len(failed)} of {len(claims)})")
    else:
        print(f"all {len(claims)} claims hold")


def claims_table(claims: "pd.DataFrame") -> "Table":
    """The verdicts, for the terminal."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("claim", "obtained", "difference", "tolerance", "verdict"):
        table.add_column(heading, overflow="fold")
    for row in claims.itertuples():
        verdict = "holds" if row.holds else "DIFFERS"
        table.add_row(
            row.id, row.obtained, f"{row.difference:.2g}", f"{row.tolerance:g}", verdict
        )
    return table
