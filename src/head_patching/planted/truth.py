"""What is true of a planted model by construction, as data.

Positions, edges and groups are those of the IOI task. A head's write is read at the
positions at which an edge leaves it, and nowhere else: the residual stream elsewhere
may hold what it wrote, and nothing that matters for the answer reads that.
"""

from dataclasses import asdict
from typing import Any, NamedTuple

from head_patching.planted.circuit import ROLES, PlantedModel
from head_patching.planted.decoys import HELPER, decoys, draw_beside
from head_patching.terms import Head, Role

LOGITS = "logits"
MOVERS = (Role.NAME_MOVER, Role.NEGATIVE_NAME_MOVER, Role.BACKUP_NAME_MOVER)


class Edge(NamedTuple):
    """What the heads of one role read of what those of another wrote at a position.

    `input` is `q`, `k` or `v`; where `receiver` is the logits, it is empty.
    """

    sender: str
    receiver: str
    input: str
    position: str


class Group(NamedTuple):
    """Heads that do one job: all that one stage reads at one position.

    `alone` says whether each of them does the whole job when the others are silent.
    """

    serves: str
    position: str
    roles: tuple[str, ...]
    heads: list[Head]
    alone: bool


def truth(planted: PlantedModel) -> dict[str, Any]:
    """The settings, the circuit, and what lies beside it."""
    paths = edges(planted)
    read_at = {role: positions(role, paths) for role in planted.circuit}
    roles = {
        role: [
            asdict(head)
            | {"attends_from": ROLES[role][0], "attends_to": ROLES[role][1]}
            | {"positions": read_at[role]}
            for head in heads
        ]
        for role, heads in planted.circuit.items()
    }
    beside = draw_beside(planted)
    found = {"roles": roles} | asdict(planted)
    return found | {
        "edges": [edge._asdict() for edge in paths],
        "groups": [group._asdict() for group in groups(planted)],
        "decoys": [asdict(head) for head in decoys(planted)],
        "helpers": [
            {"layer": head.layer, "head": head.head, "attends": HELPER}
            | {"positions": positions(HELPER, paths)}
            for head in beside
            if head.kind == HELPER
        ],
    }


def positions(sender: str, paths: list[Edge]) -> list[str]:
    """The positions at which what a role's heads write is read."""
    return list(dict.fromkeys(e.position for e in paths if e.sender == sender))


def edges(planted: PlantedModel) -> list[Edge]:
    """Every edge between roles that are planted, in the order of the circuit."""
    circuit = planted.circuit
    with_place = planted.wiring != "token"
    token_before_is_place = planted.architecture == "llama" and with_place
    previous = Role.PREVIOUS_TOKEN, Role.INDUCTION
    found = [Edge(*previous, "k", "S1+1"), Edge(*previous, "v", "S1+1")]
    if token_before_is_place:
        found.append(Edge(Role.PREVIOUS_TOKEN, Role.DUPLICATE_TOKEN, "v", "S1"))
        found += [
            Edge(Role.PREVIOUS_TOKEN, mover, "k", position)
            for mover in MOVERS
            for position in ("S1", "IO")
        ]
    for sender in (Role.DUPLICATE_TOKEN, Role.INDUCTION):
        found += [Edge(sender, Role.S_INHIBITION, each, "S2") for each in "kv"]
        found += [Edge(sender, mover, "k", "S2") for mover in MOVERS]
    if planted.plain:  # at END they predict the word that followed an earlier "to"
        found.append(Edge(Role.INDUCTION, LOGITS, "", "END"))
    found += [Edge(Role.S_INHIBITION, mover, "q", "END") for mover in MOVERS]
    found.append(Edge(Role.NAME_MOVER, Role.BACKUP_NAME_MOVER, "q", "END"))
    found += [Edge(mover, LOGITS, "", "END") for mover in MOVERS]
    planted_ends = {*circuit, LOGITS}
    if any(head.kind == HELPER for head in draw_beside(planted)):
        found.insert(0, Edge(HELPER, Role.INDUCTION, "v", "S1+1"))
        planted_ends.add(HELPER)
    return [
        Edge(str(e.sender), str(e.receiver), e.input, e.position)
        for e in found
        if {e.sender, e.receiver} <= planted_ends
    ]


def groups(planted: PlantedModel) -> list[Group]:
    """The heads that do one job together, by the stage that they serve.

    Duplicate token and induction heads do one job in parallel. S-inhibition heads that
    carry one signal each are one group: either signal is enough.
    """
    served = (
        (Role.INDUCTION, "S1+1", (Role.PREVIOUS_TOKEN,)),
        (Role.S_INHIBITION, "S2", (Role.DUPLICATE_TOKEN, Role.INDUCTION)),
        (Role.NAME_MOVER, "END", (Role.S_INHIBITION,)),
        (LOGITS, "END", (Role.NAME_MOVER,)),
    )
    circuit, found = planted.circuit, []
    for serves, position, roles in served:
        present = tuple(str(role) for role in roles if role in circuit)
        heads = [(h.layer, h.head) for role in present for h in circuit[role]]
        if heads:
            alone = planted.redundancy is not None and serves != LOGITS
            found.append(Group(str(serves), position, present, heads, alone))
    return found
