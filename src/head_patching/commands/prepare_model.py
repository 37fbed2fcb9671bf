"""head-patching prepare-model: from a model's name to a checked folder."""

from typing import Annotated

import typer

from head_patching.commands._options import Out, Threads, use_threads


def prepare_model(
    model: Annotated[
        str,
        typer.Option(help="Registered name, folder or hub id (owner/name@revision)."),
    ],
    out: Out,
    check_length: Annotated[
        int,
        typer.Option(min=2, help="Longest prompt compared with transformers, tokens."),
    ] = 1024,
    allow_unused: Annotated[
        bool, typer.Option(help="Leave out weights that config.json does not use.")
    ] = False,
    threads: Threads = 0,
) -> None:
    """Fetch, fold and check a model, and write it into a folder."""
    from head_patching.models import loading
    from head_patching.planted import construct

    use_threads(threads)
    loading.prepare_model(model, out, construct, check_length, allow_unused)
