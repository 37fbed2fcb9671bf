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
from head_patching.files.register import BY_TASK, inputs
from head_patching.files.tables import read_table


def figure_command(
    draw: Callable[..., tuple[Figure, pd.DataFrame]], arguments: list[str] | None = None
) -> None:
    """Draw a figure from files given on the command line and save it to `--out`.

    The record of the run is written into the same folder.

    Each parameter of `draw` that is a table of the register is a required option of the
    same name: the CSV file to read or, of a table of every task, `TASK=CSV` once for
    each. Each other parameter is an option with the parameter's default.
    """
    parser = argparse.ArgumentParser(
        description=(inspect.getdoc(draw) or "").splitlines()[0]
    )
    for parameter in inspect.signature(draw).parameters.values():
        option = "--" + parameter.name.replace("_", "-")
        if parameter.name.endswith(BY_TASK):
            parser.add_argument(
                option, type=of_task, action="append", required=True, metavar="TASK=CSV"
            )
        elif parameter.name in inputs(draw):
            parser.add_argument(option, type=Path, required=True, metavar="CSV")
        else:
            parser.add_argument(
                option, type=parameter.annotation, default=parameter.default
            )
    parser.add_argument("--out", type=Path, required=True, metavar="PDF")
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    given = [options[name] for name in inputs(draw)]
    read = [path for each in given for _, path in pairs_of(each)]
    try:
        tables = {name: read_tables(name, options[name]) for name in inputs(draw)}
        with mpl.rc_context(figure_style()):
            fig, data = draw(**options | tables)
        save_figure(fig, out, data)
        code = Code(running_packages()).hashes([f"figures.{module_of(draw)}"])
        write_record(run_record(command_line(draw, options, out), read, {}, code), out)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def of_task(text: str) -> tuple[str, Path]:
    """The task and the file in `TASK=CSV`."""
    task, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected TASK=CSV, got {text!r}")
    return task, Path(path)


def pairs_of(option: Path | list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """The files of an option, each with its task; no task where there is one file."""
    return [("", option)] if isinstance(option, Path) else option


def read_tables(name: str, option: Path | list[tuple[str, Path]]) -> Any:
    """The table that a parameter is given, or the tables by task."""
    table = name.removesuffix(BY_TASK)
    tables = {task: read_table(table, path) for task, path in pairs_of(option)}
    return tables[""] if isinstance(option, Path) else tables


def command_line(
    draw: Callable[..., tuple[Figure, pd.DataFrame]],
    options: Mapping[str, Any],
    out: Path,
) -> str:
    """The command that draws the figure again."""
    words = ["python", "-m", f"figures.{module_of(draw)}"]
    for name, value in [*options.items(), ("out", out)]:
        values = [str(value)]
        if isinstance(value, Path | list):
            files = pairs_of(value)
            values = [
                f"{task}{'=' * bool(task)}{relative(path)}" for task, path in files
            ]
        words += [w for each in values for w in (f"--{name.replace('_', '-')}", each)]
    return shlex.join(words)


def module_of(draw: Callable[..., tuple[Figure, pd.DataFrame]]) -> str:
    """The name of a figure's module, which was run as a program."""
    return Path(inspect.getfile(draw)).stem
