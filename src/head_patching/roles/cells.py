"""All kinds of planted models on which roles are scored before criteria are trusted."""

import itertools
from dataclasses import dataclass

from head_patching.planted.circuit import (
    ARCHITECTURES,
    ATTENTION,
    DECOYS,
    MOST_REDUNDANT,
    ROLES,
    WIRINGS,
    PlantedModel,
)
from head_patching.roles.validation import in_turn, without_text
from head_patching.terms import SHARED

# Whole circuits, models from which something was left out, models with decoys; and
# whole circuits of which the trace is told receivers and groups.
KINDS, TOLD = ["whole", "without", "decoys"], "told"

REDUNDANCIES = (None, *range(1, MOST_REDUNDANT + 1))


@dataclass(frozen=True)
class Cell:
    """Models that are scored together; attention and wiring take turns where empty."""

    kind: str
    architecture: str
    redundancy: int | None
    attention: str = ""
    wiring: str = ""
    without: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The cell's name, which is that of its folder."""
        parts = [self.kind, self.architecture, str(self.redundancy or SHARED)]
        parts += [self.attention, self.wiring]
        parts += [without_text(self.without)] if self.without else []
        return "-".join(filter(None, parts)).replace(" ", "_")

    def model(self, seed: int) -> PlantedModel:
        """The cell's model of a seed."""
        turn = in_turn(seed)
        return PlantedModel(
            self.architecture,
            seed,
            without=self.without,
            redundancy=self.redundancy,
            attention=self.attention or turn["attention"],
            wiring=self.wiring or turn["wiring"],
            decoys=self.decoys,
        )


def cells() -> list[Cell]:
    """Every cell: whole circuits, what was left out, decoys, and circuits told."""
    kinds = [*itertools.product(ARCHITECTURES, REDUNDANCIES)]
    how = [*itertools.product(ATTENTION, WIRINGS)]
    roles = tuple(map(str, ROLES))
    left_out = [roles, *((role,) for role in roles)]
    return [
        *(Cell("whole", *kind, *each) for kind in kinds for each in how),
        *(Cell("without", *kind, without=each) for kind in kinds for each in left_out),
        *(Cell("decoys", *kind, decoys=tuple(DECOYS)) for kind in kinds),
        *(Cell(TOLD, *kind, *each) for kind in kinds for each in how),
    ]
