"""head-patching patch: the logit_diff of every patched run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    ModelFolder,
    Pairs,
    Threads,
    use_threads,
)
from head_patching.commands._progress import progress
from head_patching.terms import PATCH_TYPES

if TYPE_CHECKING:
    import xarray as xr

    from head_patching.models.transformer import Model
    from head_patching.patching.experiment import Positions
    from head_patching.tasks.pairs import PromptPairs

PatchType = Annotated[
    str, typer.Option(help=f"What is replaced: {', '.join(PATCH_TYPES)}.")
]


def patch(
    model_folder: ModelFolder,
    pairs: Pairs,
    patch_type: PatchType,
    direction: Annotated[
        list[str],
        typer.Option(
            help="denoising or noising; with both, an --out for each in this order."
        ),
    ],
    out: Annotated[
        list[Path], typer.Option(metavar="FILE", help="File to write, per direction.")
    ],
    cache: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CACHE]...",
            help="Cached activations of all the pairs; computed when none are given.",
        ),
    ] = None,
    position: Annotated[
        list[str] | None,
        typer.Option(
            help="A position to patch alone, by name or number; may be repeated. "
            "each: every position in turn."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="probability or kl, besides logit_diff; may be repeated."),
    ] = None,
    screen: Annotated[
        bool,
        typer.Option(
            "--screen",
            help="Estimate all heads, confirm exactly only the strongest.",
        ),
    ] = False,
    chosen_heads: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Heads to patch (choose-heads); of others the estimates are taken.",
        ),
    ] = None,
    estimates: Annotated[
        Path | None,
        typer.Option(metavar="NC", help="Estimates of all heads (estimate-effects)."),
    ] = None,
    n_pairs: Annotated[
        int | None,
        typer.Option(min=1, help="Patch the first pairs only."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/COUNT",
            help="Patch one of COUNT shards of the pairs, cut between the batches of "
            "the cache (gather-shards).",
        ),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Patch every head in turn, or chosen ones, and write each pair's logit_diff."""
    from head_patching.files.datasets import ESTIMATED, read_dataset
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_dataset
    from head_patching.models.loading import load_model
    from head_patching.patching.cache import read_cache, stored_batches
    from head_patching.patching.choice import heads_of
    from head_patching.patching.confirmed import with_estimates
    from head_patching.patching.experiment import HeadPatcher
    from head_patching.patching.pair_shards import SHARD, Shard
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    part = Shard.parse(shard) if shard else None
    if part and not cache:
        raise ValueError(
            f"--shard {part} cuts between the batches of the cache: expected its files"
        )
    require_a_file_each(direction, out)
    chooses = chosen_heads is not None
    if chooses != (estimates is not None) or (chooses and metric):
        raise ValueError(
            "--chosen-heads and --estimates go together, for logit_diff only"
        )
    if screen and (patch_type != "output" or position or metric or chooses):
        raise ValueError(
            "--screen works for the output at all positions and logit_diff only"
        )
    if screen and cache:
        raise ValueError("--screen runs the prompts itself: expected no cache")
    drawn = PromptPairs.read(pairs)
    if n_pairs is not None and n_pairs > len(drawn):
        raise ValueError(f"--n-pairs {n_pairs}: {pairs} holds only {len(drawn)} pairs")
    prompts = drawn.select(range(n_pairs or len(drawn)))
    model = load_model(model_folder, device, dtype)
    if screen:
        write_screened(model, prompts, dict(zip(direction, out, strict=True)))
        return
    heads = heads_of(read_table("chosen_heads", chosen_heads)) if chooses else None
    estimated = read_dataset(estimates, ESTIMATED) if chooses else None
    pair_indices = None
    if part:
        stored = [batch for path in cache or () for batch in stored_batches(path)]
        pair_indices = part.pairs(stored, len(drawn), len(prompts))
    wanted = range(len(prompts)) if pair_indices is None else pair_indices
    patcher = HeadPatcher(model)
    for each, file in zip(direction, out, strict=True):
        # One batch at a time: read again for each direction.
        batches = (
            batch
            for path in cache or ()
            for batch in read_cache(path, drawn, model, wanted)
        )
        with progress(f"Patching {patch_type}, {each}") as advance:
            runs = patcher.run(
                prompts,
                patch_type=patch_type,
                direction=each,
                positions=positions_of(position or ()),
                metrics=("logit_diff", *(metric or ())),
                batches=batches if cache else None,
                heads=heads,
                pair_indices=pair_indices,
                on_progress=advance,
            )
        if heads is not None:
            runs = with_estimates(runs, estimated, heads)
        write_dataset(file, runs.assign_attrs({SHARD: str(part)} if part else {}))


def require_a_file_each(directions: Sequence[str], files: Sequence[Path]) -> None:
    """Refuse directions without a file of their own."""
    n_files = len({*files})
    if len(directions) != n_files or len(files) != n_files:
        raise ValueError(
            f"directions given (--direction): {len(directions)}, different files "
            f"(--out): {n_files}; expected a file for each direction"
        )


def write_screened(
    model: "Model", prompts: "PromptPairs", files: Mapping[str, Path]
) -> None:
    """Screen the heads in each direction, and write its file."""
    from head_patching.files.writing import write_dataset
    from head_patching.patching.screening import screen_heads

    for direction, file in files.items():
        screened = screen_heads(model, prompts, direction)
        write_dataset(file, screened)
        typer.echo(screening_report(screened))


def positions_of(options: Sequence[str]) -> "Positions":
    """The positions that `--position` names, and all of them without the option."""
    if not options:
        return "all"
    if list(options) == ["each"]:
        return "each"
    return [int(option) if option.isdecimal() else option for option in options]


def screening_report(screened: "xr.Dataset") -> str:
    """What was confirmed, and how much the other heads may do."""
    n_confirmed, n_heads = int(screened.confirmed.sum()), screened.confirmed.size
    report = f"{n_confirmed} of {n_heads} heads patched exactly, the others estimated."
    if "missed_bound" in screened.attrs:
        report += (
            f" All the others patched together have an effect of "
            f"{screened.attrs['remaining_effect']:+.3f}; as far as effects add up, "
            f"none of them has one beyond {screened.attrs['missed_bound']:.3f}."
        )
    return report
