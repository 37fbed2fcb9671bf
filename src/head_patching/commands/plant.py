"""head-patching plant: a model whose circuit is known, for everybody."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from head_patching.commands._planting import (
    Attention,
    Redundancy,
    Wiring,
    noise_level,
    redundancy_level,
)
from head_patching.commands._recording import unrecorded
from head_patching.terms import SHARED


# A run record would lie beside the folder; its model card names the command.
@unrecorded
def plant(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new folder for the checkpoint.")
    ],
    architecture: Annotated[str, typer.Option(help="gpt2 or llama.")] = "gpt2",
    redundancy: Redundancy = SHARED,
    attention: Attention = None,
    wiring: Wiring = "both",
    decoys: Annotated[
        list[str] | None,
        typer.Option(
            help="Heads without a role: attention, effect, copying, rescaling; may be "
            "repeated."
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A role to leave out; may be repeated.")
    ] = None,
    noise: Annotated[
        str, typer.Option(help="Size of the weights outside the circuit, or default.")
    ] = "default",
    layers: Annotated[int, typer.Option(help="Layers of the model.")] = 8,
    heads: Annotated[int, typer.Option(help="Heads in each layer.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Draws circuit and weights.")] = 0,
) -> None:
    """Write a checkpoint whose circuit is known, its truth and a model card."""
    from head_patching.files.writable import require_writable
    from head_patching.files.writing import naming_a_full_disk
    from head_patching.lookup import one_of
    from head_patching.planted.card import model_card
    from head_patching.planted.checkpoint import write_planted
    from head_patching.planted.circuit import (
        ARCHITECTURES,
        ATTENTION,
        DEFAULT_NOISE,
        WIRINGS,
        PlantedModel,
    )
    from head_patching.tasks.vocabulary import WORDS

    one_of("architecture", architecture, ARCHITECTURES)
    usual = "soft" if redundancy == SHARED else "saturated"
    attention = one_of("attention", attention or usual, ATTENTION)
    one_of("wiring", wiring, WIRINGS)
    planted = PlantedModel(
        architecture,
        seed,
        noise_level(noise, DEFAULT_NOISE),
        tuple(without or ()),
        redundancy_level(redundancy),
        attention,
        wiring,
        tuple(decoys or ()),
        layers,
        heads,
    )
    if require_writable(out).exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there already, and not empty: name a new folder")
    card = model_card(planted, out.resolve().name)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Elsewhere first, so that no half of a model is ever under that name.
    with naming_a_full_disk(out), TemporaryDirectory(dir=out.parent) as temporary:
        folder = write_planted(planted, WORDS, Path(temporary) / "model")
        (folder / "README.md").write_text(card, encoding="utf-8")
        folder.replace(out)
    typer.echo(f"{out}: checkpoint, truth.json and README.md, the model card")
