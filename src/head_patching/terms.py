"""The vocabulary that files, tables, figures and text share.

A leaf: it imports nothing of this project, and neither pandas nor torch. Corruptions
are listed by their task, roles and their criteria in `config/roles/`; the roles here
are those that code itself must know, as steps of a trace, parts of a planted circuit
or colours.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, SupportsInt, get_args


class Role(StrEnum):
    """A role that code must know, from the answer backwards through the circuit."""

    NAME_MOVER = "name mover"
    BACKUP_NAME_MOVER = "backup name mover"
    NEGATIVE_NAME_MOVER = "negative name mover"
    COPY_SUPPRESSION = "copy suppression of S"
    S_INHIBITION = "S-inhibition"
    INDUCTION = "induction"
    DUPLICATE_TOKEN = "duplicate token"
    PREVIOUS_TOKEN = "previous token"


ROLES = tuple(role.value for role in Role)

UNDECIDED = "undecided"  # an important effect, but no role's criteria are met
NO_ROLE = "no role"  # neither
WITHOUT_ROLE = (UNDECIDED, NO_ROLE)

# In the column `receivers`: whether the heads that a role acts on have theirs, or only
# what a head with that role must show besides effects.
WITH_ROLE, CANDIDATES = "role", "candidates"

POOLED = "all roles"  # the row of a table that is about all roles together

# Cells of the tables about planted models, in the columns `without` and `planted`.
NO_CIRCUIT = "any role"  # every role is left out
NOTHING_LEFT_OUT = "nothing"
NOT_PLANTED = "none"  # the head is not part of the circuit

# Cells of the columns `decoys` of a model and `decoy` of a head.
NO_DECOY = "none"

# Labels of groups whose heads can replace one another: the loss of one is not felt
# (noising), or one of them does as much as all (denoising).
REDUNDANT, EACH_SUFFICIENT = "redundant", "each sufficient"
CAN_REPLACE = (REDUNDANT, EACH_SUFFICIENT)

# In the column `redundancy`, where it is no number: the heads of a role share one job.
SHARED = "shared"


def has_role(role: str) -> bool:
    """Whether the entry of a table of roles names a role.

    Examples
    --------
    >>> has_role("name mover"), has_role("undecided")
    (True, False)
    """
    return role not in WITHOUT_ROLE


@dataclass(frozen=True)
class PatchType:
    """What of a head one patch replaces.

    Parameters
    ----------
    name
        As in the config, in files and in tables.
    replaces
        The activations taken from the source run, by TransformerLens's names without
        `hook_`; the reference patches these hooks.
    label
        What figures and text call it.
    """

    name: str
    replaces: tuple[str, ...]
    label: str


PATCH_TYPES = {
    each.name: each
    for each in (
        PatchType("output", ("z",), "output"),
        PatchType("q", ("q",), "q"),
        PatchType("k", ("k",), "k"),
        PatchType("v", ("v",), "v"),
        PatchType("pattern", ("pattern",), "pattern"),
    )
}

# What a head computes from the residual stream that it reads.
HeadInput = Literal["q", "k", "v"]
HEAD_INPUTS: tuple[HeadInput, ...] = get_args(HeadInput)

# In grouped-query attention the query heads of a group share these.
SHARED_IN_GROUP = ("k", "v")

RUNS = ("clean", "corrupt")


@dataclass(frozen=True)
class Direction:
    """Which run is patched (`base`), and which run the patch comes from (`source`)."""

    name: str
    base: str
    source: str


DIRECTIONS = {
    each.name: each
    for each in (
        Direction("denoising", base="corrupt", source="clean"),
        Direction("noising", base="clean", source="corrupt"),
    )
}


Head = tuple[int, int]  # (layer, head)
HEAD = ["layer", "head"]  # the columns that name a head, wherever there are some


def head_name(layer: SupportsInt, head: SupportsInt) -> str:
    """The field's name of a head.

    Examples
    --------
    >>> head_name(9, 6)
    'L9H6'
    """
    return f"L{int(layer)}H{int(head)}"


def heads_named(names: str) -> list[Head]:
    """The heads whose names are joined by `+`, as tables list the heads of a group.

    Examples
    --------
    >>> heads_named("L9H6+L10H0")
    [(9, 6), (10, 0)]
    """
    parts = [name.removeprefix("L").split("H") for name in names.split("+") if name]
    return [(int(layer), int(head)) for layer, head in parts]
