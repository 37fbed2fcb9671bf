"""What heads do in models with redundancy, saturated attention or another wiring.

The algorithm is that of `heads`, with three differences, by which one head of a role
can do the whole job and several do no more than one:

- S-inhibition heads say, besides what to avoid, that there is something to avoid (the
  flag `warned`), and name movers attend to names in proportion. All parts of a name's
  score then grow together, however many heads are at work, and the order of the names
  stays the same.
- Name movers flag that they have answered (`answered`); backups then attend to no name.
- The place of the start token is not moved: a head that finds nothing writes nothing.
- Duplicate token and induction heads look nothing up for the word that prompts end with
  (the flag `asking`): what followed it before is no part of the task.

A head of strength 1 writes as much as the whole role of a model without redundancy.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from head_patching.planted.circuit import PlantedHead, PlantedModel
from head_patching.planted.heads import (
    MATCH,
    NOT_ITSELF,
    ONE_BACK,
    Basis,
    Distance,
    HeadWeights,
    Move,
    Term,
    assemble,
    compared_distance,
    moves,
    place_code,
    planted_head,
    score_terms,
)
from head_patching.planted.residual import CONSTANT, D_CODE, Residual
from head_patching.terms import Role

LAST_WORD = "to"  # of every IOI prompt

# What duplicate token and induction heads write, as a share of a unit code or flag.
SEEN = 0.5
# What one S-inhibition head writes of each of its signals. Small, so that the norm at
# END hardly changes when one falls silent.
INHIBITING = 0.5
# What heads write that move names to the logits.
MOVED = {
    Role.NAME_MOVER: 1.0,
    Role.NEGATIVE_NAME_MOVER: -0.35,
    Role.BACKUP_NAME_MOVER: 0.8,
}
NEXT_TOKEN = 0.7  # what all induction heads write for the next token


@dataclass(frozen=True)
class Scores:
    """Attention scores, before the softmax, of one model.

    Parameters
    ----------
    match
        Of two equal tokens, for duplicate token heads.
    previous
        Of a token and the same token one back, for induction heads, with one previous
        token head at work.
    repeated
        Of a repeated name, for S-inhibition heads, flagged by one whole role.
    inhibited
        What one S-inhibition head takes from the score of S by each signal.
    """

    match: float
    previous: float
    repeated: float
    inhibited: float


# Saturated: 20 leaves e^-20 of the attention to S; half of it, or a quarter where codes
# are alike, still next to nothing. Soft: with one S-inhibition head a name mover
# attends to IO by .8 more than to S, so that a lost signal is felt.
SCORES = {
    "soft": Scores(match=MATCH, previous=30.0, repeated=40.0, inhibited=3.0),
    "saturated": Scores(match=2 * MATCH, previous=120.0, repeated=40.0, inhibited=20.0),
}
SOFT_IN_ONE_HEAD = 2.0  # of each signal, where a head sends both

# The score of the start token for induction heads, as a share of the score of a match
# with one previous token head at work. Codes of different tokens have scalar products
# of up to 0.32, and as many times more as there are previous token heads. Soft: losing
# one of two heads that share the job is felt.
REST_PREVIOUS = {
    "soft": {1: 0.75, 2: 0.75, 3: 0.95},
    "saturated": {1: 0.34, 2: 0.68, 3: 0.95},
}
REST_REPEATED = 8.0  # for S-inhibition heads: above what noise makes of a flag of 0
REST_NAME = 6.0  # for name movers: above some twenty other tokens, whose score is 0
NAME_MARGIN = 20.0  # added to a name's score, above all that may be taken from it
# A backup's score of a name falls by this many times the most that it can be: one of
# two name movers is enough to keep it silent.
ANSWERED = 3.0


@dataclass(frozen=True)
class Jobs:
    """What the heads of one model compare and move."""

    planted: PlantedModel
    residual: Residual

    @property
    def n_jobs(self) -> int:
        """How many times the job of each upstream role is done."""
        return self.planted.redundancy or 1

    @property
    def scores(self) -> Scores:
        """The attention scores."""
        return SCORES[self.planted.attention]

    @property
    def codes(self) -> tuple[str, ...]:
        """What S-inhibition is about."""
        wiring = self.planted.wiring
        return (wiring,) if wiring in ("place", "token") else ("place", "token")

    @property
    def by_induction(self) -> str:
        """The code that induction heads write, beside what duplicate token heads do.

        They read the place in GPT-2. In Llama a head before them tells it if there is
        nothing else to tell; there is not enough room in a head for both.
        """
        if len(self.codes) == 1:
            return self.codes[0]
        return "place" if self.planted.architecture == "gpt2" else "token"

    @property
    def warned(self) -> Basis:
        """That there is something to avoid: a free direction of the residual stream."""
        return self.residual["answered"][:, :1]

    @property
    def answered(self) -> Basis:
        """That name movers have moved a name."""
        return self.residual["answered"][:, 1:2]

    @property
    def asking(self) -> Basis:
        """That the token here is the word that prompts end with."""
        return self.residual["answered"][:, 2:3]

    @property
    def constant(self) -> Basis:
        """Reads 1 everywhere."""
        return self.residual["constant"] / CONSTANT

    @property
    def place_key(self) -> Basis:
        """Reads the code of a token's place, of unit size."""
        place = place_code(self.planted.architecture, self.residual)
        return place if self.planted.architecture == "gpt2" else place / self.n_jobs

    @cached_property
    def place_moved(self) -> Basis:
        """Reads the same, and nothing at the start token."""
        if self.planted.architecture == "llama":
            return self.place_key
        start = self.residual.place_codes(1)
        return self.place_key @ (np.eye(D_CODE) - start.T @ start)

    @property
    def inhibited(self) -> float:
        """What one S-inhibition head takes from the score of S by each signal."""
        if self.planted.attention == "soft" and self.planted.wiring == "both":
            return SOFT_IN_ONE_HEAD
        return self.scores.inhibited

    @property
    def name(self) -> float:
        """The score of a name, with one S-inhibition head at work."""
        return NAME_MARGIN + self.inhibited * len(self.codes)

    @property
    def n_inhibiting(self) -> int:
        """How many S-inhibition heads do a whole job each, of either signal."""
        return self.n_jobs * (2 if self.planted.wiring == "separate" else 1)

    def weights(self, role: str, head: PlantedHead) -> HeadWeights:
        """The weights of a head with this role."""
        if self.planted.plain:
            architecture = self.planted.architecture
            return planted_head(role, architecture, self.residual, head.strength)
        return assemble(
            self.planted.architecture,
            self.residual,
            self.terms(role),
            self.distance(role),
            self.moves(role, head.signal),
            head.strength * self.size(role),
        )

    def size(self, role: str) -> float:
        """What a head of strength 1 writes, as a share of a unit code or flag."""
        upstream = {
            Role.PREVIOUS_TOKEN: 1.0,
            Role.DUPLICATE_TOKEN: SEEN,
            Role.INDUCTION: SEEN,
            Role.S_INHIBITION: INHIBITING,
        }
        return (upstream | MOVED)[Role(role)]

    def distance(self, role: str) -> Distance | None:
        """The part of a role's score that compares distances, in Llama."""
        found = compared_distance(role, self.planted.architecture)
        if found and role == Role.DUPLICATE_TOKEN:
            return replace(found, weight=found.weight * self.scores.match / MATCH)
        return found

    def terms(self, role: str) -> list[Term]:
        """The terms of a role's attention score that compare content."""
        r, scores = self.residual, self.scores
        if self.planted.plain:
            return score_terms(role, self.planted.architecture, r)
        has_places = self.planted.architecture == "gpt2"
        if role == Role.PREVIOUS_TOKEN:
            shifted = ONE_BACK["gpt2"] * r["place"] @ r.step_back
            return [Term(shifted, r["place"])] if has_places else []
        if role == Role.DUPLICATE_TOKEN:
            not_itself = NOT_ITSELF["gpt2"] * scores.match / MATCH
            itself = [Term(not_itself * r["place"], r["place"])] if has_places else []
            same = Term(scores.match * r["token"], r["token"])
            return [same, *itself, self.rest(0.5 * scores.match, scores.match)]
        if role == Role.INDUCTION:
            share = REST_PREVIOUS[self.planted.attention][self.n_jobs]
            followed = Term(scores.previous * r["token"], r["previous"])
            most = 2 * self.n_jobs * scores.previous
            return [followed, self.rest(share * scores.previous, most)]
        if role == Role.S_INHIBITION:
            return [self.on_repeated, self.rest(REST_REPEATED)]
        return self.name_terms(role)

    @property
    def on_repeated(self) -> Term:
        """Attention to a name that occurred before."""
        return Term(
            self.scores.repeated / SEEN * self.constant, self.residual["repeated"]
        )

    def rest(self, score: float, asking: float = 0.0) -> Term:
        """The score of the start token, to which a head attends that finds nothing.

        From the word that prompts end with it is higher by `asking`.
        """
        query = score * self.constant + asking * self.asking
        return Term(query, self.residual["start"])

    def name_terms(self, role: str) -> list[Term]:
        """The terms of heads that attend to a name, less to one that is inhibited."""
        r = self.residual
        names, start = self.name / INHIBITING * self.warned, REST_NAME * self.constant
        if role == Role.BACKUP_NAME_MOVER:
            most = self.name * self.n_inhibiting
            names = names - ANSWERED * most * self.answered
            # Other tokens may be as unlike S as one is like it.
            start = start + most * self.answered
        # Above all that S-inhibition gives S2 as a name, by half.
        again = 1.5 * self.name * self.n_inhibiting / self.n_jobs
        keys = {"place": self.place_key, "token": r["token"]}
        off = self.inhibited / INHIBITING
        return [
            Term(names, r["name"]),
            Term(-again * self.constant, r["repeated"]),
            *(Term(-off * r[f"inhibited {code}"], keys[code]) for code in self.codes),
            Term(start, r["start"]),
        ]

    def moves(self, role: str, signal: str | None = None) -> list[Move]:
        """The moves of a role's heads; `signal` is what S-inhibition is about."""
        r = self.residual
        if self.planted.plain:
            return moves(role, self.planted.architecture, r)
        if role == Role.PREVIOUS_TOKEN:
            return [Move(r["token"], r["previous"]), Move(r["name"], r["after name"])]
        if role == Role.DUPLICATE_TOKEN:
            read = {"place": self.place_moved, "token": r["token"]}
            return [
                *(Move(read[code], r[f"seen {code}"]) for code in self.codes),
                Move(r["name"], r["repeated"]),
            ]
        if role == Role.INDUCTION:
            return self.induction_moves()
        if role == Role.S_INHIBITION:
            return [
                *(
                    Move(r[f"seen {code}"] / self.seen(code), r[f"inhibited {code}"])
                    for code in ([signal] if signal else self.codes)
                ),
                Move(r["repeated"] / (2 * SEEN * self.n_jobs), self.warned),
            ]
        moved = [Move(r["token"], r["output"])]
        if role == Role.NAME_MOVER:
            moved.append(Move(r["name"], self.answered))
        return moved

    def induction_moves(self) -> list[Move]:
        """What induction heads move: it lies one position after the earlier S."""
        r, n = self.residual, self.n_jobs
        if self.by_induction == "token":
            read = r["previous"] / n
        elif self.planted.architecture == "gpt2":
            read = self.place_moved @ r.step_back
        else:
            read = r["place"]  # written by the helper
        return [
            Move(read, r[f"seen {self.by_induction}"]),
            Move(r["after name"] / n, r["repeated"]),
            Move(r["token"], NEXT_TOKEN / SEEN / n * r["output"]),
        ]

    def seen(self, code: str) -> float:
        """How much of a code S-inhibition heads find at S2."""
        roles = 1 + (code == self.by_induction)
        return SEEN * self.n_jobs * roles

    def helper(self) -> HeadWeights:
        """A head of Llama that tells each position which token is two back."""
        return assemble(
            self.planted.architecture,
            self.residual,
            [],
            Distance(ONE_BACK["llama"], 2),
            [Move(self.residual["token"], self.residual["place"])],
            1.0,
        )
