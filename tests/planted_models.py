"""Planted models, each prepared once for all tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from head_patching.models.loading import load_model, prepare_model
from head_patching.models.tokenizer import load_tokenizer
from head_patching.models.transformer import Model
from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import PlantedModel
from head_patching.tasks.vocabulary import WORDS


@cache
def planted_model(
    architecture: str, noise: float = 0.0, without: tuple[str, ...] = (), seed: int = 3
) -> Model:
    """A planted model, in memory; the truth is `draw_circuit` with the same."""
    return prepared(PlantedModel(architecture, seed, noise, without))


@cache
def prepared(planted: PlantedModel) -> Model:
    """The model that the checkpoint of a planted model is prepared into."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_planted(planted, WORDS, folder / "checkpoint")
        prepare_model(str(folder / "checkpoint"), folder / "model")
        model = load_model(folder / "model")
        # Before the folder goes in which it, and copies of it, would look for it.
        tokenizer = load_tokenizer(folder / "model" / "checkpoint")
        model.read_tokenizer = lambda: tokenizer
        return model
