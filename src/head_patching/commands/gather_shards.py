"""head-patching gather-shards: the results of all shards of a patching run as one."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Out


def gather_shards(
    shards: Annotated[
        list[Path],
        typer.Argument(
            metavar="NC...", help="Patched runs of each shard (patch --shard)."
        ),
    ],
    out: Out,
) -> None:
    """Put the shards of a patching run together, as if it had not been cut."""
    from head_patching.files.datasets import PATCHED, read_dataset
    from head_patching.files.writing import write_dataset
    from head_patching.patching.pair_shards import gather

    write_dataset(out, gather([read_dataset(path, PATCHED) for path in shards]))
