"""head-patching choose-heads: which heads are taken apart, and why."""

from typing import Annotated

import typer

from head_patching.commands._options import (
    Estimates,
    Out,
    Patched,
    Rate,
    Seed,
    SignFlips,
    Threshold,
)


def choose_heads(
    patched: Patched,
    estimates: Estimates,
    threshold: Threshold,
    false_discovery_rate: Rate,
    sign_flips: SignFlips,
    seed: Seed,
    share_of_threshold: Annotated[
        float,
        typer.Option(
            min=0,
            help="Of an estimated effect, to choose the head; 0: all heads.",
        ),
    ],
    random: Annotated[
        int, typer.Option(min=0, help="How many of the others to draw at random.")
    ],
    random_seed: Seed,
    out: Out,
) -> None:
    """Choose heads from the effects of their outputs, estimates, and at random."""
    from head_patching.files.datasets import ESTIMATED, PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.patching import choice
    from head_patching.patching.effects import Importance
    from head_patching.statistics import Statistics

    chosen = choice.choose_heads(
        [read_dataset(path, PATCHED) for path in patched],
        read_dataset(estimates, ESTIMATED),
        Statistics(0, sign_flips, seed),
        Importance(threshold, false_discovery_rate),
        share_of_threshold,
        random,
        random_seed,
    )
    write_table("chosen_heads", out, chosen)
