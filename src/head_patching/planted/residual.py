"""The residual stream of a planted model: its subspaces and the codes in them.

The stream is a sum of orthogonal subspaces. Tokens and places are codes: unit vectors
with small scalar products. One constant direction is far longer than all others, so
that the norm divides every position by nearly the same number, and so that heads can
read a constant in place of a bias.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from jaxtyping import Float

D_MODEL = 512
D_CODE = 30  # an even number: codes of places are made of cosines and sines
CONSTANT = 10.0

# Nominal size of the stream: the constant, a token, a place and what heads add.
NOMINAL_NORM = (CONSTANT**2 + 3) ** 0.5

# The scalar product of two tokens' codes is brought down to about this.
ALIKE = 0.3
N_PROJECTIONS = 30

CODES = (
    "token",  # the token here
    "place",  # this position (GPT-2 only: learned positions)
    "previous",  # the token before
    "seen place",  # position of the earlier occurrence of this token
    "seen token",  # the token there
    "inhibited token",  # the token that name movers should not attend to
    "inhibited place",  # the position that name movers should not attend to
    "output",  # read by the unembedding
    "answered",  # written by name movers, read by backups
)
FLAGS = (
    "constant",
    "name",  # the token here is a name
    "after name",  # the token before is a name
    "repeated",  # the name here occurred before
    "start",  # the first position: heads that find nothing attend to it
)


@dataclass(frozen=True)
class Residual:
    """Orthonormal bases of all subspaces, drawn by a seed; each vector has mean 0."""

    seed: int
    d_model: int = D_MODEL

    @property
    def gain(self) -> float:
        """What the norm multiplies a stream of nominal size by."""
        return self.d_model**0.5 / NOMINAL_NORM

    @cached_property
    def bases(self) -> dict[str, Float[np.ndarray, "d_model size"]]:
        """One basis per code and flag."""
        rng = np.random.default_rng([self.seed, 1])
        sizes = [D_CODE] * len(CODES) + [1] * len(FLAGS)
        drawn = rng.normal(size=(self.d_model, sum(sizes)))
        basis, _ = np.linalg.qr(drawn - drawn.mean(axis=0))
        parts = np.split(basis, np.cumsum(sizes)[:-1], axis=1)
        return dict(zip(CODES + FLAGS, parts, strict=True))

    @cached_property
    def unread(self) -> Float[np.ndarray, "d_model code"]:
        """A basis of what no head reads: orthogonal to all others and to the mean."""
        rng = np.random.default_rng([self.seed, 3])
        drawn = rng.normal(size=(self.d_model, D_CODE))
        used = np.concatenate(list(self.bases.values()), axis=1)
        drawn -= drawn.mean(axis=0)
        return np.linalg.qr(drawn - used @ (used.T @ drawn))[0]

    def __getitem__(self, name: str) -> Float[np.ndarray, "d_model size"]:
        return self.bases[name]

    def token_codes(self, n_tokens: int) -> Float[np.ndarray, "token code"]:
        """A unit vector for each token; scalar products of two are small."""
        return unlike_codes(self.seed, n_tokens).copy()

    @cached_property
    def frequencies(self) -> Float[np.ndarray, " frequency"]:
        """Of the place codes: scalar products of two places stay below 0.4.

        Evenly spaced frequencies would repeat after a few dozen places. The power was
        found by search over the 220 places that prompts and random sequences need.
        """
        n = D_CODE // 2
        return np.pi * ((np.arange(n) + 0.5) / n) ** 1.355

    def place_codes(self, n_places: int) -> Float[np.ndarray, "place code"]:
        """Cosines and sines of each place; a step to the next one is a rotation."""
        angles = np.arange(n_places)[:, None] * self.frequencies
        codes = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
        return codes / (D_CODE // 2) ** 0.5

    @cached_property
    def step_back(self) -> Float[np.ndarray, "code code"]:
        """Turns the code of a place into that of the one before: code @ step_back."""
        cos, sin = np.diag(np.cos(self.frequencies)), np.diag(np.sin(self.frequencies))
        return np.block([[cos, -sin], [sin, cos]])


@cache
def unlike_codes(seed: int, n_tokens: int) -> Float[np.ndarray, "token code"]:
    """Unit vectors whose scalar products are small.

    Alternating projection (Tropp et al. 2005, doi 10.1109/TIT.2004.839492) from random
    vectors: products are clipped, then brought back to the dimension.
    """
    codes = np.random.default_rng([seed, 2]).normal(size=(n_tokens, D_CODE))
    for _ in range(N_PROJECTIONS):
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        products = np.clip(codes @ codes.T, -ALIKE, ALIKE)
        np.fill_diagonal(products, 1.0)
        sizes, directions = np.linalg.eigh(products)
        codes = directions[:, -D_CODE:] * np.sqrt(sizes[-D_CODE:])
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)
