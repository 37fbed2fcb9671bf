"""Options and settings of planted models, which several subcommands share."""

from typing import Annotated

import typer

from head_patching.terms import SHARED

Redundancy = Annotated[
    str,
    typer.Option(help="How many heads do each job alone (1, 2, 3), or shared."),
]
Attention = Annotated[
    str, typer.Option(help="How receivers respond: soft or saturated.")
]
Wiring = Annotated[
    str,
    typer.Option(help="What S-inhibition heads write: both, place, token, separate."),
]


def redundancy_level(text: str) -> int | None:
    """How many heads do a job alone; None where they share it.

    Raises
    ------
    ValueError
        When it is neither a number that can be planted nor `shared`.
    """
    from head_patching.planted.circuit import MOST_REDUNDANT

    if text == SHARED:
        return None
    if text.isdecimal() and 1 <= int(text) <= MOST_REDUNDANT:
        return int(text)
    raise ValueError(
        f"redundancy {text!r}: expected {SHARED!r} or a whole number from 1 to "
        f"{MOST_REDUNDANT}"
    )


def noise_level(text: str, default: float) -> float:
    """A noise level, by number or as `default`.

    Raises
    ------
    ValueError
        When it is neither, or negative.
    """
    if text == "default":
        return default
    try:
        level = float(text)
    except ValueError:
        level = -1.0
    if not 0 <= level < float("inf"):
        raise ValueError(f"noise {text!r}: expected 'default' or a number from 0 on")
    return level
