"""Options of the subcommands that run a model: the device and the precision.

In a file of their own, so that only these subcommands depend on it.
"""

from typing import Annotated

import typer


def device_here(name: str) -> str:
    """The device, `auto` resolved: the run record then says where it was computed."""
    from head_patching.models.devices import find_device

    return find_device(name)


Device = Annotated[
    str,
    typer.Option(
        callback=device_here,
        help="cpu, cuda, mps, or auto: the best that this machine has.",
    ),
]
Dtype = Annotated[str, typer.Option(help="Of the arithmetic: float32 or float64.")]
