"""head-patching outline-circuit: heads with a role, and the paths between them."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Out


def outline_circuit(
    task: Annotated[str, typer.Option(help="The task of the roles.")],
    roles: Annotated[Path, typer.Option(metavar="CSV", help="Made by classify-roles.")],
    role_criteria: Annotated[
        Path, typer.Option(metavar="CSV", help="Made by classify-roles.")
    ],
    evidence: Annotated[
        Path, typer.Option(metavar="CSV", help="Made by classify-roles.")
    ],
    groups: Annotated[
        Path, typer.Option(metavar="CSV", help="Made by classify-roles.")
    ],
    out: Out,
) -> None:
    """Join roles and path effects: the nodes and edges of the circuit as found."""
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.roles.circuit import circuit
    from head_patching.tasks import find_task

    found = circuit(
        find_task(task),
        read_table("roles", roles),
        read_table("role_criteria", role_criteria),
        read_table("evidence", evidence),
        read_table("head_groups", groups),
    )
    write_table("circuit", out, found)
