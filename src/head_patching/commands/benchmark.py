"""head-patching benchmark: the engine timed against TransformerLens, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._options import Threads, use_threads

if TYPE_CHECKING:
    from rich.table import Table

Figures = dict[str, dict[str, float]]

# The effect from which on a head that screening misses is counted.
STRONG = 0.02

COLUMNS = {
    "seconds": ("seconds", ".2f"),
    "ratio": ("ratio", ".1f"),
    "ratio_live": ("ratio, live positions", ".1f"),
    "max_abs_diff": ("max |diff| (logit)", ".1e"),
    "gflops": ("GFLOP/s", ".0f"),
    "gemm_peak_gflops": ("GEMM peak", ".0f"),
    "peak_rss_mib": ("peak MiB", ".0f"),
}


def benchmark(
    model: Annotated[
        str, typer.Option(help="Name, folder or hub id.")
    ] = "smollm2-135m",
    n_pairs: Annotated[int, typer.Option("--pairs", min=1)] = 32,
    patch_type: Annotated[
        str, typer.Option(help="output, q, k, v, pattern.")
    ] = "output",
    positions: Annotated[str, typer.Option(help="all or each.")] = "all",
    corruption: Annotated[str, typer.Option()] = "s2_io_flip",
    shots: Annotated[
        int, typer.Option(min=0, help="Solved prompts placed before each prompt.")
    ] = 0,
    screen: Annotated[
        bool, typer.Option("--screen", help="Time screening instead of exact patching.")
    ] = False,
    cells: Annotated[
        int, typer.Option(min=0, help="TransformerLens patches timed; 0: all.")
    ] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Alternations.")] = 3,
    threads: Threads = 0,
    json: Annotated[Path | None, typer.Option(metavar="FILE")] = None,
) -> None:
    """Time TransformerLens's patching and the engine in turn, on the same prompts."""
    from rich.console import Console

    from head_patching.files.writing import write_json
    from head_patching.lookup import find, one_of
    from head_patching.models.bridge import load_bridge
    from head_patching.models.loading import load_model
    from head_patching.models.prepared import prepared_folder
    from head_patching.patching import benchmark as timing
    from head_patching.patching.contenders import (
        EngineContender,
        ScreeningContender,
        equal_pairs,
        with_shots,
    )
    from head_patching.planted import construct
    from head_patching.tasks.pairs import first_difference
    from head_patching.terms import PATCH_TYPES

    use_threads(threads)
    one_of("patch type", patch_type, PATCH_TYPES)
    folder = prepared_folder(model, construct)
    loaded = load_model(folder)
    pairs = equal_pairs(loaded.tokenizer, n_pairs, corruption)
    pairs = with_shots(pairs, loaded.tokenizer, shots) if shots else pairs
    each = find("positions", positions, {"all": False, "each": True})
    if screen and (each or patch_type != "output"):
        raise ValueError("--screen works for the output at all positions only")
    contender = (
        ScreeningContender(loaded, pairs)
        if screen
        else EngineContender(loaded, pairs, patch_type, each)
    )
    bridge = load_bridge(folder / "checkpoint")
    figures = timing.compare(contender, bridge, patch_type, each, rounds, cells)
    length, first = len(pairs[0].clean_tokens), first_difference(pairs[0])
    title = (
        f"{loaded.config.name}: {patch_type}, {positions} positions, {corruption}, "
        f"{n_pairs} pairs of {length} tokens, {length - first} of them after the "
        "first difference"
    )
    if screen:
        missed, strong = contender.missed(STRONG)
        title += f"; screened, {missed} of {strong} heads from {STRONG} on missed"
    Console().print(as_table(title, figures))
    if json is not None:
        # JSON has no NaN: a missing time is null.
        plain = {
            name: {key: None if value != value else value for key, value in row.items()}
            for name, row in figures.items()
        }
        write_json(json, {"setting": title} | plain)


def as_table(title: str, figures: Figures) -> "Table":
    """The times of both contenders, for the terminal."""
    from rich.table import Table

    table = Table("", *(heading for heading, _ in COLUMNS.values()), title=title)
    for name, values in figures.items():
        row = [format(values[key], form) for key, (_, form) in COLUMNS.items()]
        table.add_row(name, *row)
    return table
