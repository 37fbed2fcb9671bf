"""The command line that every figure module has, read from its draw function."""

import argparse
import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from figures.style import figure_style, save_figure
from head_patching.building.code import Code, running_packages
from head_patching.files.provenance import relative, run_record, write_record
from head_patching.files.register import inputs
from head_patching.files.tables import read_table


def figure_command(
    draw: Callable[..., tuple[Figure, pd.DataFrame]], arguments: list[str] | None = None
) -> None:
    """Draw a figure from files given on the command line and save it to `--out`.

    The record of the run stands beside it.

    Each parameter of `draw` that is a table of the register is a required option of the
    same name, the CSV file to read; each other parameter is an option with the
    parameter's default.
    """
    parser = argparse.ArgumentParser(
        description=(inspect.getdoc(draw) or "").splitlines()[0]
    )
    for parameter in inspect.signature(draw).parameters.values():
        option = "--" + parameter.name.replace("_", "-")
        if parameter.name in inputs(draw):
            parser.add_argument(option, type=Path, required=True, metavar="CSV")
        else:
            parser.add_argument(
                option, type=parameter.annotation, default=parameter.default
            )
    parser.add_argument("--out", type=Path, required=True, metavar="PDF")
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    read = [options[name] for name in inputs(draw)]
    try:
        tables = {name: read_table(name, options[name]) for name in inputs(draw)}
        with mpl.rc_context(figure_style()):
            fig, data = draw(**options | tables)
        save_figure(fig, out, data)
        code = Code(running_packages()).hashes([f"figures.{module_of(draw)}"])
        write_record(run_record(command_line(draw, options, out), read, {}, code), out)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def command_line(
    draw: Callable[..., tuple[Figure, pd.DataFrame]],
    options: Mapping[str, Any],
    out: Path,
) -> str:
    """The command that draws the figure again."""
    words = ["python", "-m", f"figures.{module_of(draw)}"]
    for name, value in [*options.items(), ("out", out)]:
        shown = relative(value) if isinstance(value, Path) else str(value)
        words += [f"--{name.replace('_', '-')}", shown]
    return shlex.join(words)


def module_of(draw: Callable[..., tuple[Figure, pd.DataFrame]]) -> str:
    """The name of a figure's module, which was run as a program."""
    return Path(inspect.getfile(draw)).stem
