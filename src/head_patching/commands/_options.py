"""Options that several subcommands share, each described once."""

import os
from pathlib import Path
from typing import Annotated

import typer

from head_patching.files.writable import require_writable

ModelFolder = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Prepared model (prepare-model).")
]
Pairs = Annotated[
    Path, typer.Option(metavar="JSONL", help="Prompt pairs (make-pairs).")
]
CacheFiles = Annotated[
    list[Path],
    typer.Argument(metavar="CACHE...", help="Cached activations of all the pairs."),
]
Patched = Annotated[
    list[Path], typer.Argument(metavar="NC...", help="Patched runs (patch).")
]
Estimates = Annotated[
    Path, typer.Option(metavar="NC", help="Estimates of all heads (estimate-effects).")
]
ChosenHeads = Annotated[
    Path, typer.Option(metavar="CSV", help="Heads to patch, and why (choose-heads).")
]
Effects = Annotated[
    Path, typer.Option(metavar="CSV", help="Effects of all heads (summarise-effects).")
]


Out = Annotated[
    Path, typer.Option(metavar="FILE", help="File to write.", callback=require_writable)
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the random draws.")]
Resamples = Annotated[
    int, typer.Option(min=1, help="Resamples of the bootstrap over templates.")
]
SignFlips = Annotated[
    int, typer.Option(min=1, help="Random sign patterns of the sign-flip tests.")
]
Level = Annotated[
    float, typer.Option(help="Coverage of the intervals, between 0 and 1.")
]
Threshold = Annotated[
    float, typer.Option(min=0, help="Smallest |effect| that can be important.")
]
Rate = Annotated[
    float,
    typer.Option(
        "--false-discovery-rate", help="Allowed in the sign-flip tests over all heads."
    ),
]
Criteria = Annotated[
    Path | None,
    typer.Option(
        metavar="YAML", help="Criteria of each role; without them no head has one."
    ),
]
RoleResamples = Annotated[
    int, typer.Option(min=2, help="Resamples in which heads are classified again.")
]
RandomGroups = Annotated[
    int, typer.Option(min=1, help="Random groups that a group of heads has to exceed.")
]
RandomOrders = Annotated[
    int, typer.Option(min=1, help="Random orders for Shapley values of large groups.")
]
ReceiverSets = Annotated[
    int,
    typer.Option(min=0, help="Sets of receivers of each step that resamples may add."),
]
Threads = Annotated[
    int, typer.Option(min=0, help="Threads of the arithmetic; 0: as many as cores.")
]


def use_threads(threads: int) -> None:
    """Set the threads of this process's tensor arithmetic; 0 leaves the default.

    Never more than the machine has cores: threads on one core wait for each other.
    """
    if threads:
        import torch

        torch.set_num_threads(min(threads, os.cpu_count() or 1))
