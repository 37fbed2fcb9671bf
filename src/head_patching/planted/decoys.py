"""Heads beside the circuit: decoys, which resemble a role, and the helper of Llama.

Decoys lie where the role that they resemble could be, so that only what they attend to,
write and change tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from head_patching.planted.circuit import (
    ARCHITECTURES,
    GROUP_SIZE,
    STAGES,
    Circuit,
    PlantedModel,
    needs_helper,
)
from head_patching.planted.heads import (
    ONE_BACK,
    Distance,
    HeadWeights,
    Move,
    Term,
    assemble,
)
from head_patching.planted.jobs import SEEN, Jobs
from head_patching.terms import Role

# What decoys write that act on the logits: less than the heads of the circuit, of which
# they would else undo the work.
COPIED = 0.1  # of the token at S2, as a share of what all name movers write
SHORTENED = -2.0  # of the constant's 10, which sets the size of the logits at END
AGAIN = 0.5  # of what the role wrote here


@dataclass(frozen=True)
class Beside:
    """A head beside the circuit; `role` is the one that a decoy resembles."""

    layer: int
    head: int
    kind: str
    role: str | None = None


# kind -> the roles that it can resemble. Rescaling heads attend as S-inhibition does.
RESEMBLED = {
    "attention": (
        Role.PREVIOUS_TOKEN,
        Role.DUPLICATE_TOKEN,
        Role.INDUCTION,
        Role.S_INHIBITION,
        Role.NAME_MOVER,
    ),
    "effect": (Role.PREVIOUS_TOKEN, Role.DUPLICATE_TOKEN, Role.S_INHIBITION),
    "copying": (Role.NAME_MOVER,),
    "rescaling": (Role.S_INHIBITION,),
}
HELPER = "two back"


def draw_beside(planted: PlantedModel) -> list[Beside]:
    """The helper, if there is one, and one decoy for each kind and role.

    A decoy is left out where no layer that it could be in has room.
    """
    whole = planted.whole_circuit
    key = [planted.seed, ARCHITECTURES.index(planted.architecture), 6]
    rng, group = np.random.default_rng(key), GROUP_SIZE[planted.architecture]
    taken = {(h.layer, h.head // group) for heads in whole.values() for h in heads}
    drawn: list[Beside] = []

    def draw(kind: str, role: str | None, layers: range) -> None:
        free = [
            (layer, at)
            for layer in layers
            for at in range(planted.n_heads // group)
            if (layer, at) not in taken
        ]
        if free:
            layer, at = free[int(rng.integers(len(free)))]
            taken.add((layer, at))
            head = at * group + int(rng.integers(group))
            drawn.append(Beside(layer, head, kind, role))

    if needs_helper(planted.architecture, planted.wiring):
        first = min(head.layer for head in whole[Role.INDUCTION])
        draw(HELPER, None, range(first))
    for kind in planted.decoys:
        for role in RESEMBLED[kind]:
            layers = decoy_layers(kind, role, whole, planted.n_layers)
            draw(kind, str(role), layers)
    return drawn


def decoys(planted: PlantedModel) -> list[Beside]:
    """The decoys alone."""
    return [each for each in draw_beside(planted) if each.kind != HELPER]


def decoy_layers(kind: str, role: Role, circuit: Circuit, n_layers: int) -> range:
    """Where a decoy can do what it does."""
    layers = {str(r): [h.layer for h in heads] for r, heads in circuit.items()}
    number = next(n for n, roles in enumerate(STAGES) if role in roles)
    stage, above = (
        [layer for each in STAGES[n] for layer in layers[each]]
        for n in (number, number + 1)
    )
    if kind == "rescaling":  # what it does to queries of name movers would be a role's
        movers = (Role.NAME_MOVER, Role.NEGATIVE_NAME_MOVER)
        return range(max(max(layers[each]) for each in movers) + 1, n_layers)
    if kind == "effect":  # after one head that writes, before one that reads
        return range(min(stage) + 1, max(above))
    return range(min(stage), n_layers)


def weights_beside(jobs: Jobs, beside: Beside) -> HeadWeights:
    """The weights of a head beside the circuit."""
    if beside.kind == HELPER:
        return jobs.helper()
    return KINDS[beside.kind](jobs, str(beside.role))


def attends_alone(jobs: Jobs, role: str) -> HeadWeights:
    """A head that attends as the role does and writes what nothing reads."""
    move = Move(jobs.residual["token"], jobs.residual.unread)
    return assemble(
        jobs.planted.architecture, jobs.residual, jobs.terms(role), jobs.distance(role),
        [move], jobs.size(role),
    )  # fmt: skip


def writes_again(jobs: Jobs, role: str) -> HeadWeights:
    """A head that attends to its own position and writes what the role wrote there."""
    r, rotary = jobs.residual, jobs.planted.architecture == "llama"
    itself = [] if rotary else [Term(ONE_BACK["gpt2"] * r["place"], r["place"])]
    distance = Distance(ONE_BACK["llama"], 0) if rotary else None
    moved = [Move(move.write, move.write) for move in jobs.moves(role)]
    return assemble(jobs.planted.architecture, r, itself, distance, moved, AGAIN)


def copies_elsewhere(jobs: Jobs, role: str) -> HeadWeights:
    """A head that copies names as name movers do, and attends to S2."""
    move = Move(jobs.residual["token"], jobs.residual["output"])
    terms = jobs.terms(Role.S_INHIBITION)
    return assemble(
        jobs.planted.architecture, jobs.residual, terms, None, [move], COPIED
    )


def rescales(jobs: Jobs, role: str) -> HeadWeights:
    """A head that attends to S2 and changes the size of all logits."""
    found = jobs.residual["repeated"] / (2 * SEEN * jobs.n_jobs)
    constant = jobs.residual["constant"]
    return assemble(
        jobs.planted.architecture, jobs.residual, jobs.terms(role), None,
        [Move(found, constant)], SHORTENED,
    )  # fmt: skip


KINDS: dict[str, Callable[[Jobs, str], HeadWeights]] = {
    "attention": attends_alone,
    "effect": writes_again,
    "copying": copies_elsewhere,
    "rescaling": rescales,
}
