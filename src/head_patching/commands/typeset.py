"""head-patching typeset: make a PDF of a LaTeX file."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import Out


def typeset(
    main: Annotated[Path, typer.Option(metavar="TEX", help="The file to typeset.")],
    out: Out,
    epoch: Annotated[
        int, typer.Option(min=0, help="Date in the PDF, in seconds since 1970.")
    ] = 0,
) -> None:
    """Typeset the chapter; undefined references and citations are errors."""
    from head_patching.building import typesetting

    typesetting.typeset(main, out, epoch=epoch, search=[main.parent])
