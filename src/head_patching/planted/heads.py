"""The weights of one planted head, from what it matches and what it moves.

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

# What the norm makes of a stream of nominal size.
GAIN = D_MODEL**0.5 / NOMINAL_NORM

D_HEAD = {"gpt2": 64, "llama": D_HEAD_LLAMA}

# Attention scores; a difference of 10 leaves e^-10 of the attention to the lower one.
MATCH = 40.0  # two equal codes, or a repeated name
# Small enough that an induction head feels the loss of one previous-token head.
PREVIOUS_MATCH = 20.0
NAME = {"name mover": 30.0, "negative name mover": 30.0, "backup name mover": 42.0}
# Off a name's score, for the signal that duplicate-token and induction heads give
# together, and for the one that duplicate-token heads give alone. Name movers keep some
# attention on S, so that every head that keeps them from it has an effect.
INHIBITED = {
    "name mover": (2.0, 1.0),
    "negative name mover": (2.0, 1.0),
    "backup name mover": (20.0, 20.0),
}
ANSWERED = 60.0  # off a backup's score, for what name movers have moved
# Keeps a token from matching itself. In GPT-2 no more than that: places far away are
# alike by up to 0.4, of either sign.
NOT_ITSELF = {"gpt2": -0.75 * MATCH, "llama": -2 * MATCH}
ONE_BACK = {"gpt2": 2 * MATCH, "llama": 8 * MATCH}  # rotary neighbours are much alike

# The score of the first position, where a head rests that matches nothing. Codes of
# different tokens are alike by up to 0.3.
REST = {
    "duplicate token": 0.5 * MATCH,
    "induction": 0.75 * PREVIOUS_MATCH,
    "S-inhibition": 0.4 * MATCH,
    "name mover": 8.0,
    "negative name mover": 8.0,
    "backup name mover": 33.0,
}

# What all heads of a role write together, as a share of a unit code or flag.
SIZE = {
    "previous token": 1.0,
    "duplicate token": 0.5,  # what both write, it and induction write half of each
    "induction": 0.5,
    "S-inhibition": 1.0,
    "name mover": 1.0,
    "negative name mover": -0.35,
    "backup name mover": 0.8,
}

# What induction writes for the token that follows, beside what it writes of the place.
NEXT_TOKEN = 0.7

Basis = Float[np.ndarray, "d_model size"]


@dataclass(frozen=True)
class Term:
    """One part of the score: the product of what two bases read."""

    query: Basis
    key: Basis


@dataclass(frozen=True)
class Move:
    """What one basis reads at the attended position is written along another."""

    read: Basis
    write: Basis


@dataclass(frozen=True)
class HeadWeights:
    """One head's matrices; those that read take the normalised stream."""

    W_Q: Float[np.ndarray, "d_model d_head"]
    W_K: Float[np.ndarray, "d_model d_head"]
    W_V: Float[np.ndarray, "d_model d_head"]
    W_O: Float[np.ndarray, "d_head d_model"]
    planted: bool


def planted_head(
    role: str, architecture: Architecture, residual: Residual, strength: float
) -> HeadWeights:
    """The weights of a head with this role and share of what the role writes."""
    d_head = D_HEAD[architecture]
    rotary = architecture == "llama"
    W_Q, W_K = by_content(
        score_terms(role, architecture, residual),
        FREE_DIMS if rotary else np.arange(d_head),
        d_head,
    )
    if rotary:
        by_place = by_distance(role, residual)
        W_Q, W_K = W_Q + by_place[0], W_K + by_place[1]
    W_V, W_O = np.zeros((D_MODEL, d_head)), np.zeros((d_head, D_MODEL))
    at = 0
    for move in moves(role, architecture, residual):
        dims = slice(at, at := at + move.read.shape[1])
        W_V[:, dims] = move.read / GAIN
        W_O[dims] = strength * SIZE[role] * move.write.T
    return HeadWeights(W_Q * d_head**0.5, W_K, W_V, W_O, planted=True)


def score_terms(
    role: str, architecture: Architecture, residual: Residual
) -> list[Term]:
    """What a role's query and key compare by content."""
    r, has_places = residual, architecture == "gpt2"
    constant = r["constant"] / CONSTANT
    rest = Term(REST.get(role, 0.0) * constant, r["start"])
    if role == "previous token":
        shifted = ONE_BACK["gpt2"] * r["place"] @ r.step_back
        return [Term(shifted, r["place"])] if has_places else []
    if role == "duplicate token":
        itself = (
            [Term(NOT_ITSELF["gpt2"] * r["place"], r["place"])] if has_places else []
        )
        return [Term(MATCH * r["token"], r["token"]), *itself, rest]
    if role == "induction":
        return [Term(PREVIOUS_MATCH * r["token"], r["previous"]), rest]
    if role == "S-inhibition":
        return [Term(MATCH * constant, r["repeated"]), rest]
    off_place, off_token = INHIBITED[role]
    if not has_places:
        off_place, off_token = off_token, off_place
    unwanted = -off_token * r["inhibited token"]
    if role == "backup name mover":
        unwanted = unwanted - ANSWERED * r["answered"]
    return [
        Term(NAME[role] * constant, r["name"]),
        Term(-NAME[role] * constant, r["repeated"]),
        Term(-off_place * r["inhibited place"], place_code(architecture, r)),
        Term(unwanted, r["token"]),
        rest,
    ]


def moves(role: str, architecture: Architecture, residual: Residual) -> list[Move]:
    """What a role's heads move.

    What S-inhibition heads pass on, the place and the token that S had before, comes
    from duplicate-token heads, and one of the two also from induction heads: in GPT-2
    the place, in Llama, where they cannot tell it, the token.
    """
    r, has_places = residual, architecture == "gpt2"
    if role == "previous token":
        return [Move(r["token"], r["previous"]), Move(r["name"], r["after name"])]
    if role == "duplicate token":
        alone = 1 / SIZE[role]
        place, token = (1.0, alone) if has_places else (alone, 1.0)
        return [
            Move(place_code(architecture, r), place * r["seen place"]),
            Move(r["token"], token * r["seen token"]),
            Move(r["name"], r["repeated"]),
        ]
    if role == "induction":
        # It attends to the token after; the place that was seen is one before.
        place = Move(r["place"] @ r.step_back, r["seen place"])
        return [
            place if has_places else Move(r["previous"], r["seen token"]),
            Move(r["after name"], r["repeated"]),
            Move(r["token"], NEXT_TOKEN * r["output"]),
        ]
    if role == "S-inhibition":
        return [
            Move(r["seen place"], r["inhibited place"]),
            Move(r["seen token"], r["inhibited token"]),
        ]
    if role == "name mover":
        return [Move(r["token"], r["output"] + r["answered"])]
    return [Move(r["token"], r["output"])]


def place_code(architecture: Architecture, residual: Residual) -> Basis:
    """What tells where a token stands: its position, or in Llama the token before."""
    return residual["place" if architecture == "gpt2" else "previous"]


def by_content(
    terms: Sequence[Term], free: np.ndarray, d_head: int
) -> tuple[Basis, Basis]:
    """Query and key matrices whose products are the terms, in the free dimensions."""
    W_Q, W_K = np.zeros((D_MODEL, d_head)), np.zeros((D_MODEL, d_head))
    at = 0
    for term in terms:
        dims = free[at : (at := at + term.key.shape[1])]
        W_Q[:, dims], W_K[:, dims] = term.query / GAIN, term.key / GAIN
    return W_Q, W_K


def by_distance(role: str, residual: Residual) -> tuple[Basis, Basis]:
    """The same for roles that attend by distance, in a rotary model."""
    constant = residual["constant"] / CONSTANT / GAIN
    weight, offset = {
        "previous token": (ONE_BACK["llama"], 1),
        "duplicate token": (NOT_ITSELF["llama"], 0),
    }.get(role, (0.0, 0))
    query, key = kernel(offset)
    return constant * (weight * query), constant * key * (weight != 0)
