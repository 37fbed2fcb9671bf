"""The command line that every figure module has, read from its draw function."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from figures.style import figure_style, save_figure


def figure_command(
    draw: Callable[..., tuple[Figure, pd.DataFrame]], arguments: list[str] | None = None
) -> None:
    """Draw a figure from files given on the command line and save it to `--out`.

    Each table that `draw` takes is a required option of the same name, the CSV file to
    read; each other parameter is an option with the parameter's default.
    """
    parser = argparse.ArgumentParser(
        description=(inspect.getdoc(draw) or "").splitlines()[0]
    )
    parameters = inspect.signature(draw).parameters.values()
    for parameter in parameters:
        option = "--" + parameter.name.replace("_", "-")
        if parameter.annotation is pd.DataFrame:
            parser.add_argument(option, type=Path, required=True, metavar="CSV")
        else:
            parser.add_argument(
                option, type=parameter.annotation, default=parameter.default
            )
    parser.add_argument("--out", type=Path, required=True, metavar="PDF")
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    try:
        for parameter in parameters:
            if parameter.annotation is pd.DataFrame:
                options[parameter.name] = pd.read_csv(options[parameter.name])
        with mpl.rc_context(figure_style()):
            fig, data = draw(**options)
        save_figure(fig, out, data)
    except (FileNotFoundError, ValueError, KeyError) as error:
        message = f"column {error} is missing" if type(error) is KeyError else error
        sys.exit(f"error: {message}")
