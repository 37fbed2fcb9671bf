"""Which subcommands leave a run record beside their result."""

import inspect
from collections.abc import Callable
from typing import Any

Command = Callable[..., None]


def unrecorded(command: Command) -> Command:
    """Mark a subcommand whose `--out` gets no run record: it makes no result."""
    command.unrecorded = True  # type: ignore[attr-defined]
    return command


def is_recorded(command: Callable[..., Any]) -> bool:
    """Whether a run record is written: where there is an `--out`, unless marked."""
    has_out = "out" in inspect.signature(command).parameters
    return has_out and not getattr(command, "unrecorded", False)
