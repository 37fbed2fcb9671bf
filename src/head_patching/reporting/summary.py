"""What a build found, in some ten lines for the terminal."""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from head_patching.reporting.keys import pairs_of
from head_patching.reporting.rounding import format_number, format_percent
from head_patching.reporting.select import effects_of, roles_by_head
from head_patching.reporting.sources import Tables, arguments
from head_patching.terms import head_name

# How many of the strongest heads are named.
MOST_HEADS = 3

# As wide as the terminals that are not made wider.
WIDTH = 79

# A space at which no line ends: a head, its effect and its roles stay together.
TOGETHER = "\N{NO-BREAK SPACE}"

Line = tuple[str, str]


def summary(tables: Tables) -> list[str]:
    """The lines of the summary; what was not made yet has none.

    Raises
    ------
    ValueError
        When a table is damaged.
    """
    first, *_ = tables.tasks
    found = [*_lines([model_line], tables, first)]
    for task in tables.tasks:
        found += _lines([behaviour_line, heads_line], tables, task)
    found += _lines([check_line, validation_line], tables, first)
    found += places(tables.path("provenance").parent)
    width = max((len(label) for label, _ in found), default=0)
    indent = " " * (width + 2)
    return [
        line.replace(TOGETHER, " ")
        for label, text in found
        for line in textwrap.wrap(
            f"{label:{width}}  {text}", WIDTH, subsequent_indent=indent
        )
    ]


def _lines(
    functions: Iterable[Callable[..., Line]], tables: Tables, task: str
) -> Iterator[Line]:
    """The lines of those functions whose tables are there."""
    for function in functions:
        parameters = [*inspect.signature(function).parameters]
        with suppress(FileNotFoundError):
            yield function(**arguments(parameters, tables, task))


def model_line(model: Mapping[str, Any]) -> Line:
    """Which model, and how many heads it has."""
    config = model["config"]
    n_layers, n_heads = config["n_layers"], config["n_heads"]
    heads = f"{n_layers} layers x {n_heads} heads = {n_layers * n_heads}"
    return "model", f"{config['name']}, {heads}"


def behaviour_line(task: str, behaviour: pd.DataFrame) -> Line:
    """Whether the model does a task."""
    of_all = behaviour[behaviour["group"] == "all"].set_index(["run", "metric"])
    accuracy = format_percent(of_all.loc[("clean", "accuracy"), "mean"])
    clean, corrupt = (
        format_number(of_all.loc[(run, "logit_diff"), "mean"], 2, sign=True)
        for run in ("clean", "corrupt")
    )
    n_pairs = int(of_all.loc[("clean", "accuracy"), "n_pairs"])
    return task, (
        f"accuracy {accuracy} % of {n_pairs} pairs; "
        f"logit_diff {clean} clean, {corrupt} corrupt"
    )


def heads_line(effects: pd.DataFrame, roles: pd.DataFrame) -> Line:
    """The important heads of largest denoising effect, with their roles."""
    strongest = effects_of(effects, "denoising")
    strongest = strongest[strongest["important"] == 1].head(MOST_HEADS)
    by_head = roles_by_head(roles)
    named = []
    for head, effect in zip(pairs_of(strongest), strongest["effect"], strict=True):
        of_head = " and ".join(by_head.get(head, []))
        shown = [head_name(*head), format_number(effect, 2, sign=True), of_head]
        named.append(" ".join(filter(None, shown)).replace(" ", TOGETHER))
    return "", "; ".join(named) or "no head is important in denoising"


def check_line(self_check_summary_by_task: Mapping[str, Any]) -> Line:
    """Whether the engine's patches are TransformerLens's, in the worst task."""
    largest = max(
        self_check_summary_by_task.values(),
        key=lambda summary: summary["max_abs_diff"] / summary["tolerance"],
    )
    difference, tolerance = largest["max_abs_diff"], largest["tolerance"]
    verdict = "passed" if difference <= tolerance else "FAILED"
    return "self-check", (
        f"{verdict}: patches differ from TransformerLens's by {difference:.0e} at most"
    )


def validation_line(scores: pd.DataFrame) -> Line:
    """How often roles were right in models whose circuit is known."""
    default = scores[scores["is_default"] == 1]
    if (default[["fp", "fn"]] == 0).all(axis=None):
        text = "every planted head has its role, and no other head has one"
    else:
        precision, recall = default["precision"].min(), default["recall"].min()
        text = (
            f"planted heads have their role: precision {format_number(precision, 2)}, "
            f"recall {format_number(recall, 2)} at least"
        )
    return "validation", text


def places(folder: Path) -> list[Line]:
    """Where the chapter, the figures and the tables are, if there are any."""
    chapter = folder / "paper/chapter.pdf"
    figures = [*(folder / "figures").rglob("*.pdf")]
    latex = [*(folder / "tables").rglob("*.tex")]
    found = [("chapter", str(chapter))] if chapter.is_file() else []
    shown = [
        f"{folder / kind}/ ({len(files)} {kind})"
        for kind, files in (("figures", figures), ("tables", latex))
        if files
    ]
    if shown:
        found.append(("figures" if figures else "tables", ", ".join(shown)))
    return found
