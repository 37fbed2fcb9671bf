"""The weights of one planted head, from what it compares and what it moves.

A head's attention score is a sum of terms: what the query's position holds, compared
with what the key's position holds. Its output is a sum of moves: what the attended
position holds in one subspace, written into another. Scores are in units of attention
score, before the softmax, for subspaces of unit size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from head_patching.planted.circuit import Architecture
from head_patching.planted.residual import (
    CONSTANT,
    D_MODEL,
    NOMINAL_NORM,
    Residual,
)
from head_patching.planted.rotary import D_HEAD_LLAMA, FREE_DIMS, kernel
from head_patching.terms import Role

# The norm multiplies a stream of nominal size by this, at the usual width.
GAIN = D_MODEL**0.5 / NOMINAL_NORM

D_HEAD = {"gpt2": 64, "llama": D_HEAD_LLAMA}

# Attention scores; a difference of 10 leaves e^-10 of the attention to the lower one.
MATCH = 40.0  # two equal codes, or a repeated name
# Small enough that losing one previous-token head changes an induction head.
PREVIOUS_MATCH = 20.0
NAME = {
    Role.NAME_MOVER: 30.0,
    Role.NEGATIVE_NAME_MOVER: 30.0,
    Role.BACKUP_NAME_MOVER: 42.0,
}
# Subtracted from a name's score: for the signal of duplicate-token and induction heads
# together, and for that of duplicate-token heads alone. Name movers keep some attention
# on S, so that every head that inhibits it has an effect.
INHIBITED = {
    Role.NAME_MOVER: (2.0, 1.0),
    Role.NEGATIVE_NAME_MOVER: (2.0, 1.0),
    Role.BACKUP_NAME_MOVER: (20.0, 20.0),
}
ANSWERED = 60.0  # subtracted from a backup's score, for what name movers have moved
# Keeps a token from matching itself. In GPT-2 not larger than needed: the codes of
# distant places have scalar products of up to 0.4, of either sign.
NOT_ITSELF = {"gpt2": -0.75 * MATCH, "llama": -2 * MATCH}
ONE_BACK = {"gpt2": 2 * MATCH, "llama": 8 * MATCH}  # rotary neighbours are much alike

# The score of the first position, to which a head attends that matches nothing. Codes
# of different tokens have scalar products of up to 0.3.
REST = {
    Role.DUPLICATE_TOKEN: 0.5 * MATCH,
    Role.INDUCTION: 0.75 * PREVIOUS_MATCH,
    Role.S_INHIBITION: 0.4 * MATCH,
    Role.NAME_MOVER: 8.0,
    Role.NEGATIVE_NAME_MOVER: 8.0,
    Role.BACKUP_NAME_MOVER: 33.0,
}

# What all heads of a role write together, as a share of a unit code or flag.
SIZE = {
    Role.PREVIOUS_TOKEN: 1.0,
    Role.DUPLICATE_TOKEN: 0.5,  # it and induction heads write half each
    Role.INDUCTION: 0.5,
    Role.S_INHIBITION: 1.0,
    Role.NAME_MOVER: 1.0,
    Role.NEGATIVE_NAME_MOVER: -0.35,
    Role.BACKUP_NAME_MOVER: 0.8,
}

# What induction heads write for the next token, besides the place they write.
NEXT_TOKEN = 0.7

Basis = Float[np.ndarray, "d_model size"]


@dataclass(frozen=True)
class Term:
    """One part of the score: the scalar product of what two bases read."""

    query: Basis
    key: Basis


@dataclass(frozen=True)
class Move:
    """One basis reads at the attended position, another writes what was read."""

    read: Basis
    write: Basis


@dataclass(frozen=True)
class Distance:
    """A part of the score that is `weight` where the key is `offset` tokens back."""

    weight: float
    offset: int


@dataclass(frozen=True)
class HeadWeights:
    """One head's matrices; W_Q, W_K and W_V read the normalised stream."""

    W_Q: Float[np.ndarray, "d_model d_head"]
    W_K: Float[np.ndarray, "d_model d_head"]
    W_V: Float[np.ndarray, "d_model d_head"]
    W_O: Float[np.ndarray, "d_head d_model"]
    planted: bool


def planted_head(
    role: str, architecture: Architecture, residual: Residual, strength: float
) -> HeadWeights:
    """The weights of a head with this role and share of what the role writes."""
    return assemble(
        architecture,
        residual,
        score_terms(role, architecture, residual),
        compared_distance(role, architecture),
        moves(role, architecture, residual),
        strength * SIZE[role],
    )


def assemble(
    architecture: Architecture,
    residual: Residual,
    terms: Sequence[Term],
    distance: Distance | None,
    moved: Sequence[Move],
    size: float,
) -> HeadWeights:
    """The weights of a head from its parts.

    Parameters
    ----------
    terms, distance
        Its attention score: what compares content, and what compares distances, in a
        rotary model.
    moved, size
        What it writes, for subspaces of unit size, and what all of it is multiplied by.
    """
    d_head, d_model = D_HEAD[architecture], residual.d_model
    rotary = architecture == "llama"
    free = FREE_DIMS if rotary else np.arange(d_head)
    W_Q, W_K = by_content(terms, free, d_head, residual)
    if distance:
        by_place = by_distance(distance, residual)
        W_Q, W_K = W_Q + by_place[0], W_K + by_place[1]
    W_V, W_O = np.zeros((d_model, d_head)), np.zeros((d_head, d_model))
    at = 0
    for move in moved:
        dims = slice(at, at := at + move.read.shape[1])
        W_V[:, dims] = move.read / residual.gain
        W_O[dims] = size * move.write.T
    return HeadWeights(W_Q * d_head**0.5, W_K, W_V, W_O, planted=True)


def score_terms(
    role: str, architecture: Architecture, residual: Residual
) -> list[Term]:
    """The terms of a role's attention score that compare content."""
    r, has_places = residual, architecture == "gpt2"
    constant = r["constant"] / CONSTANT
    rest = Term(REST.get(role, 0.0) * constant, r["start"])
    if role == Role.PREVIOUS_TOKEN:
        shifted = ONE_BACK["gpt2"] * r["place"] @ r.step_back
        return [Term(shifted, r["place"])] if has_places else []
    if role == Role.DUPLICATE_TOKEN:
        itself = (
            [Term(NOT_ITSELF["gpt2"] * r["place"], r["place"])] if has_places else []
        )
        return [Term(MATCH * r["token"], r["token"]), *itself, rest]
    if role == Role.INDUCTION:
        return [Term(PREVIOUS_MATCH * r["token"], r["previous"]), rest]
    if role == Role.S_INHIBITION:
        return [Term(MATCH * constant, r["repeated"]), rest]
    off_place, off_token = INHIBITED[role]
    if not has_places:
        off_place, off_token = off_token, off_place
    unwanted = -off_token * r["inhibited token"]
    if role == Role.BACKUP_NAME_MOVER:
        unwanted = unwanted - ANSWERED * r["answered"]
    return [
        Term(NAME[role] * constant, r["name"]),
        Term(-NAME[role] * constant, r["repeated"]),
        Term(-off_place * r["inhibited place"], place_code(architecture, r)),
        Term(unwanted, r["token"]),
        rest,
    ]


def compared_distance(role: str, architecture: Architecture) -> Distance | None:
    """The part of a role's score that compares distances: in a rotary model alone."""
    if architecture == "gpt2":
        return None
    return {
        Role.PREVIOUS_TOKEN: Distance(ONE_BACK["llama"], 1),
        Role.DUPLICATE_TOKEN: Distance(NOT_ITSELF["llama"], 0),
    }.get(Role(role))


def moves(role: str, architecture: Architecture, residual: Residual) -> list[Move]:
    """The moves of a role's heads.

    S-inhibition heads pass on the place and the token that S had before. Both come from
    duplicate-token heads, and one of the two also from induction heads: in GPT-2 the
    place; in Llama, where they cannot read it, the token.
    """
    r, has_places = residual, architecture == "gpt2"
    if role == Role.PREVIOUS_TOKEN:
        return [Move(r["token"], r["previous"]), Move(r["name"], r["after name"])]
    if role == Role.DUPLICATE_TOKEN:
        alone = 1 / SIZE[role]
        place, token = (1.0, alone) if has_places else (alone, 1.0)
        return [
            Move(place_code(architecture, r), place * r["seen place"]),
            Move(r["token"], token * r["seen token"]),
            Move(r["name"], r["repeated"]),
        ]
    if role == Role.INDUCTION:
        # It attends to the position after the earlier occurrence, one step too far.
        place = Move(r["place"] @ r.step_back, r["seen place"])
        return [
            place if has_places else Move(r["previous"], r["seen token"]),
            Move(r["after name"], r["repeated"]),
            Move(r["token"], NEXT_TOKEN * r["output"]),
        ]
    if role == Role.S_INHIBITION:
        return [
            Move(r["seen place"], r["inhibited place"]),
            Move(r["seen token"], r["inhibited token"]),
        ]
    if role == Role.NAME_MOVER:
        return [Move(r["token"], r["output"] + r["answered"])]
    return [Move(r["token"], r["output"])]


def place_code(architecture: Architecture, residual: Residual) -> Basis:
    """The code of a token's place: its position, or in Llama the token before it."""
    return residual["place" if architecture == "gpt2" else "previous"]


def by_content(
    terms: Sequence[Term], free: np.ndarray, d_head: int, residual: Residual
) -> tuple[Basis, Basis]:
    """Query and key matrices whose products are the terms, in the free dimensions."""
    W_Q = np.zeros((residual.d_model, d_head))
    W_K = np.zeros((residual.d_model, d_head))
    at = 0
    for term in terms:
        dims = free[at : (at := at + term.key.shape[1])]
        W_Q[:, dims] = term.query / residual.gain
        W_K[:, dims] = term.key / residual.gain
    return W_Q, W_K


def by_distance(distance: Distance, residual: Residual) -> tuple[Basis, Basis]:
    """Query and key matrices of a head that attends by distance, in a rotary model."""
    constant = residual["constant"] / CONSTANT / residual.gain
    query, key = kernel(distance.offset)
    return constant * (distance.weight * query), constant * key
