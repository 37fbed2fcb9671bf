"""The stages of a trace: who may serve them, and what is asked of them.

A stage ends at some inputs of the heads of one role, its receivers. Where no head was
found to have that role, its candidates by everything but effects along paths are taken
in their place, so that what lies below is still tested; a role found through them says
so. Which roles serve a stage, the criteria say: those that require `stage.` and the
name of its path.

Heads of several roles can do one job side by side. What feeds only one of them, as
previous token heads feed induction heads, is not felt while the others do it. So the
path into the receivers is tested once more with the heads beside them silenced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from head_patching.roles.criteria import Criterion
from head_patching.roles.measured import Measured
from head_patching.roles.questions import Question
from head_patching.tasks.task import Step, Tracing
from head_patching.terms import DIRECTIONS, Head, head_name

KNOCKED_OUT = ("knocked_out.effect", "knocked_out.interaction")


def stage_of(criterion: str) -> str:
    """The criterion of a stage, from that of its path.

    Examples
    --------
    >>> stage_of("path.induction_keys")
    'stage.induction_keys'
    """
    return "stage." + criterion.removeprefix("path.")


@runtime_checkable
class FindsHeads(Protocol):
    """What finds heads by criteria: in the evidence, or in one resample of it."""

    @property
    def criteria(self) -> Sequence[Criterion]:
        """The rows of the table."""

    def heads_with(self, role: str, measured: Sequence[Measured]) -> list[Head]:
        """The heads that meet all criteria of a role."""

    def candidates(self, role: str, measured: Sequence[Measured]) -> list[Head]:
        """The heads that meet all criteria of a role but effects."""


@dataclass(frozen=True)
class Ends:
    """The receivers of a stage.

    Parameters
    ----------
    heads
        Receiving heads (layer, head).
    found
        Whether they have the role of the stage; else they are its candidates.
    silenced
        Heads that do the receivers' job beside them.
    silenced_at
        Name of the position at which their outputs are read.
    """

    heads: tuple[Head, ...]
    found: bool
    silenced: tuple[Head, ...] = ()
    silenced_at: str = ""

    @property
    def silenced_names(self) -> str:
        """Names of the heads beside the receivers."""
        return heads_key(self.silenced)


def roles_at(step: Step, classifier: FindsHeads) -> list[str]:
    """The roles that serve a stage, in the order of the table."""
    criterion = stage_of(step.criterion)
    roles = [row.role for row in classifier.criteria if row.criterion == criterion]
    return list(dict.fromkeys(roles))


def ends_of(
    step: Step, tracing: Tracing, classifier: FindsHeads, measured: Sequence[Measured]
) -> Ends:
    """The receivers of a stage, from what was measured before it."""
    heads, found = found_or_candidates(step.role, classifier, measured)
    for served in tracing.steps:
        others = [role for role in roles_at(served, classifier) if role != step.role]
        if step.role in roles_at(served, classifier) and others:
            beside = {
                head
                for role in others
                for head in found_or_candidates(role, classifier, measured)[0]
            }
            silenced = tuple(sorted(beside - {*heads}))
            return Ends(tuple(heads), found, silenced, served.position)
    return Ends(tuple(heads), found)


def found_or_candidates(
    role: str, classifier: FindsHeads, measured: Sequence[Measured]
) -> tuple[list[Head], bool]:
    """The heads with a role and True, or else its candidates and False."""
    heads = classifier.heads_with(role, measured)
    return (heads, True) if heads else (classifier.candidates(role, measured), False)


def members_of(
    step: Step, ends: Ends, classifier: FindsHeads, measured: Sequence[Measured]
) -> list[Head]:
    """The candidates of all roles of a stage that can reach its receivers."""
    if not ends.heads:
        return []
    highest = max(layer for layer, _ in ends.heads)
    candidates = {
        head
        for role in roles_at(step, classifier)
        for head in classifier.candidates(role, measured)
    }
    return sorted(
        (layer, head) for layer, head in candidates - {*ends.heads} if layer < highest
    )


def questions_of(tracing: Tracing, known: Sequence[str], ends: Ends) -> list[Question]:
    """What is asked of the members of a stage.

    Parameters
    ----------
    known
        Corruptions of which there are pairs.
    """
    asked = [
        Question(corruption, direction)
        for corruption in tracing.asked
        if corruption in known
        for direction in DIRECTIONS
    ]
    if ends.silenced:
        asked.append(Question(tracing.corruption, "noising", ends.silenced_names))
    return asked


def ends_key(ends: Ends) -> str:
    """The receivers of a stage as text, by which measurements are found again."""
    receivers = heads_key(ends.heads)
    return f"{receivers} beside {ends.silenced_names}" if ends.silenced else receivers


def heads_key(heads: Sequence[Head]) -> str:
    """Heads as text."""
    return "+".join(head_name(*head) for head in sorted(heads))
