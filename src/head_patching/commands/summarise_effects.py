"""head-patching summarise-effects: from patched logit_diffs to effects of heads."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands.options import Level, Out, Resamples, Seed


def summarise_effects(
    patched: Annotated[
        list[Path], typer.Argument(metavar="NC...", help="Patched runs (patch).")
    ],
    threshold: Annotated[float, typer.Option(min=0, help="Least |effect|.")],
    false_discovery_rate: Annotated[
        float, typer.Option(help="Of the sign-flip tests over all heads.")
    ],
    resamples: Resamples,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Write the effect of every head, with its interval and whether it is important."""
