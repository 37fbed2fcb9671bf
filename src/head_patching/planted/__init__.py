"""Models whose circuit is known, because it was constructed."""

from pathlib import Path

from head_patching.models.registry import PlantedWeights


def construct(source: PlantedWeights, folder: Path) -> None:
    """Write the checkpoint of a registered planted model, with its circuit."""
    from head_patching.planted.checkpoint import write_planted
    from head_patching.planted.circuit import PlantedModel
    from head_patching.tasks.vocabulary import WORDS

    planted = PlantedModel(
        source.architecture,
        source.seed,
        source.noise,
        redundancy=source.redundancy,
        attention=source.attention,
    )
    write_planted(planted, WORDS, folder)
