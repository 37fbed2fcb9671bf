"""What composes in a planted model, from its construction alone.

What is planted follows from the bases that each role writes and reads. How strong a
planted path is by weights follows from the same bases: its share of all that the two
heads write and read. Paths that carry one flag beside a code of 30 dimensions have less
than matrices of random orientation, and no composition score can show them.
"""

from functools import cache

import numpy as np

from head_patching.planted.circuit import (
    GROUP_SIZE,
    Architecture,
    draw_circuit,
)
from head_patching.planted.heads import moves, score_terms
from head_patching.planted.residual import D_MODEL, Residual

RANDOM_SHARE = 1 / D_MODEL**0.5  # root mean square, for any two matrices

Edge = tuple[str, int, int, int, int]  # kind, earlier head, later head


def share(written: np.ndarray, read: np.ndarray) -> float:
    """Composition score of two whole matrices."""
    size = np.linalg.norm(written) * np.linalg.norm(read)
    return float(np.linalg.norm(written @ read) / size) if size else 0.0


def matrices(
    role: str, architecture: Architecture, residual: Residual
) -> dict[str, np.ndarray]:
    """What a role writes, and what it reads by q, k and v, each [d_model d_model]."""
    moved = moves(role, architecture, residual)
    terms = score_terms(role, architecture, residual)
    nothing = np.zeros((D_MODEL, D_MODEL))  # roles that attend by distance alone
    OV = sum((move.read @ move.write.T for move in moved), nothing)
    QK = sum((term.query @ term.key.T for term in terms), nothing)
    return {"writes": OV, "q": QK, "k": QK.T, "v": OV}


@cache
def planted_edges(architecture: Architecture, seed: int) -> dict[Edge, tuple[str, str]]:
    """The edges between planted heads that are above random, and the two roles."""
    circuit, residual = draw_circuit(seed, architecture), Residual(seed)
    of_role = {role: matrices(role, architecture, residual) for role in circuit}
    role_of = {(h.layer, h.head): role for role, hs in circuit.items() for h in hs}
    in_order = [
        (earlier, later)
        for earlier in role_of
        for later in role_of
        if earlier[0] < later[0]
    ]
    composing = {
        (kind, role, later_role)
        for role, later_role in {(role_of[one], role_of[two]) for one, two in in_order}
        for kind in "qkv"
        if share(of_role[role]["writes"], of_role[later_role][kind]) > RANDOM_SHARE
    }
    return {
        (kind, *earlier, *later): (role_of[earlier], role_of[later])
        for earlier, later in in_order
        for kind in "qkv"
        if (kind, role_of[earlier], role_of[later]) in composing
    }


def unexplained(architecture: Architecture, seed: int, found: set[Edge]) -> set[Edge]:
    """The edges that do not follow from the construction.

    A head in a group reads by k and v what the group's planted head reads.
    """

    def by_group(edge: Edge) -> Edge:
        kind, layer, head, later, later_head = edge
        size = 1 if kind == "q" else GROUP_SIZE[architecture]
        return kind, layer, head, later, later_head // size

    planted = {by_group(edge) for edge in planted_edges(architecture, seed)}
    return {edge for edge in found if by_group(edge) not in planted}
