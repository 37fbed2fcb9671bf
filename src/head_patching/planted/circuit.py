"""Which heads of a planted model play which role, drawn by a seed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from head_patching.lookup import one_of
from head_patching.planted.residual import D_MODEL
from head_patching.terms import Role

Architecture = Literal["gpt2", "llama"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

N_LAYERS, N_HEADS = 8, 8

# How receivers respond to what a stage writes: `soft`, a lost part of a signal is felt;
# `saturated`, attention is nearly one-hot and half a signal does as much as all of it.
Attention = Literal["soft", "saturated"]
ATTENTION: tuple[Attention, ...] = get_args(Attention)

# What S-inhibition heads tell name movers not to look at: a place and a token, each
# head both; one of the two alone; or both, each by heads of its own.
Wiring = Literal["both", "place", "token", "separate"]
WIRINGS: tuple[Wiring, ...] = get_args(Wiring)

MOST_REDUNDANT = 3

# Length of what each head and MLP outside the circuit writes; tokens have length 1.
DEFAULT_NOISE = 0.1

# Heads that share keys and values in the Llama model; a planted head shares with none.
GROUP_SIZE = {"gpt2": 1, "llama": 2}

# role -> where it attends from, and to.
ROLES = {
    Role.PREVIOUS_TOKEN: ("S1+1", "S1"),
    Role.DUPLICATE_TOKEN: ("S2", "S1"),
    Role.INDUCTION: ("S2", "S1+1"),
    Role.S_INHIBITION: ("END", "S2"),
    Role.NAME_MOVER: ("END", "IO"),
    Role.NEGATIVE_NAME_MOVER: ("END", "IO"),
    Role.BACKUP_NAME_MOVER: ("END", "IO"),
}

# Kinds of heads that resemble a role and do not play it.
DECOYS = {
    "attention": "attends as the role does, and writes what nothing reads",
    "effect": "writes what the role writes, and attends to its own position",
    "copying": "copies names to the logits, and attends to S2",
    "rescaling": "changes the size of all logits at END, and attends to S2",
}

# role -> how many heads at least and at most.
COUNTS = {
    Role.PREVIOUS_TOKEN: (1, 2),
    Role.DUPLICATE_TOKEN: (1, 2),
    Role.INDUCTION: (1, 2),
    Role.S_INHIBITION: (2, 3),
    Role.NAME_MOVER: (2, 3),
    Role.NEGATIVE_NAME_MOVER: (1, 2),
    Role.BACKUP_NAME_MOVER: (1, 2),
}

# A stage reads what earlier stages wrote, so all its heads are in later layers.
STAGES = (
    (Role.PREVIOUS_TOKEN,),
    (Role.DUPLICATE_TOKEN, Role.INDUCTION),
    (Role.S_INHIBITION,),
    (Role.NAME_MOVER, Role.NEGATIVE_NAME_MOVER),
    (Role.BACKUP_NAME_MOVER,),
)


# Roles of whose heads there are as many as the redundancy; movers share one job.
UPSTREAM = (
    Role.PREVIOUS_TOKEN,
    Role.DUPLICATE_TOKEN,
    Role.INDUCTION,
    Role.S_INHIBITION,
)


@dataclass(frozen=True)
class PlantedHead:
    """One head of the circuit.

    Parameters
    ----------
    strength
        What it writes as a share of what does the whole job: shares of heads that share
        one job add up to 1; redundant heads write 1 each.
    signal
        Which of several signals of its role it carries, `place` or `token`; None: all.
    """

    layer: int
    head: int
    strength: float
    signal: str | None = None


Circuit = dict[str, list[PlantedHead]]


@dataclass(frozen=True)
class PlantedModel:
    """A model with a planted circuit.

    Parameters
    ----------
    seed
        Of the circuit and of all random weights.
    noise
        Length of what each head and MLP outside the circuit writes; tokens have
        length 1.
    without
        Roles that are left out of the circuit.
    redundancy
        Heads of each role up to S-inhibition, each of which does the whole job alone;
        None: as many as the seed draws, which share one job.
    attention
        How receivers respond: `soft` or `saturated`.
    wiring
        What S-inhibition heads write: `both`, `place`, `token` or `separate`.
    decoys
        Kinds of heads that resemble a role and do not play it.
    n_layers, n_heads
        Shape of the model, each at least 8.
    """

    architecture: Architecture
    seed: int
    noise: float = DEFAULT_NOISE
    without: tuple[str, ...] = ()
    redundancy: int | None = None
    attention: Attention = "soft"
    wiring: Wiring = "both"
    decoys: tuple[str, ...] = ()
    n_layers: int = N_LAYERS
    n_heads: int = N_HEADS

    def __post_init__(self) -> None:
        """Refuse what no model can be made of."""
        one_of("architecture", self.architecture, ARCHITECTURES)
        one_of("attention", self.attention, ATTENTION)
        one_of("wiring", self.wiring, WIRINGS)
        for role in self.without:
            one_of("role", role, [*map(str, ROLES)])
        for kind in self.decoys:
            one_of("decoy", kind, DECOYS)
        if self.redundancy is not None and not 1 <= self.redundancy <= MOST_REDUNDANT:
            raise ValueError(
                f"redundancy is {self.redundancy}: expected None or a whole number "
                f"from 1 to {MOST_REDUNDANT}"
            )
        if self.n_layers < N_LAYERS or self.n_heads < N_HEADS or self.n_heads % 2:
            raise ValueError(
                f"a planted model has at least {N_LAYERS} layers and {N_HEADS} heads, "
                f"and an even number of heads: got {self.n_layers} layers and "
                f"{self.n_heads} heads"
            )

    @property
    def plain(self) -> bool:
        """Whether heads share one job softly and S-inhibition carries both signals.

        Such a model is made as before there were others, weight by weight.
        """
        settings = self.redundancy, self.attention, self.wiring, self.n_layers
        return settings == (None, "soft", "both", N_LAYERS) and self.n_heads == N_HEADS

    @property
    def circuit(self) -> Circuit:
        """The heads of each role."""
        whole = self.whole_circuit
        return {role: whole[role] for role in whole if role not in self.without}

    @property
    def whole_circuit(self) -> Circuit:
        """The heads of each role, also of those that are left out."""
        return draw_circuit(
            self.seed, self.architecture, (), self.redundancy, self.wiring,
            self.n_layers, self.n_heads,
        )  # fmt: skip

    @property
    def d_model(self) -> int:
        """Width of the residual stream, a multiple of the number of heads."""
        return D_MODEL // N_HEADS * self.n_heads


def draw_circuit(
    seed: int,
    architecture: Architecture,
    without: Collection[str] = (),
    redundancy: int | None = None,
    wiring: Wiring = "both",
    n_layers: int = N_LAYERS,
    n_heads: int = N_HEADS,
) -> Circuit:
    """Heads for every role that is not left out.

    Leaving out a role does not move the heads of the others, so that models of one
    seed can be compared.

    Parameters
    ----------
    seed, architecture, without, redundancy, wiring, n_layers, n_heads
        As in `PlantedModel`.
    """
    for role in without:
        one_of("role", role, [*map(str, ROLES)])
    key = [seed, ARCHITECTURES.index(architecture)]
    rng = np.random.default_rng(key if redundancy is None else [*key, redundancy])
    group = GROUP_SIZE[architecture]
    free = {
        layer: list(range(0, n_heads, group)) for layer in range(n_layers)
    }  # first heads of the groups that are still free
    counts = {
        role: int(rng.integers(least, most + 1))
        for role, (least, most) in COUNTS.items()
    }
    if redundancy is not None:
        counts |= dict.fromkeys(UPSTREAM, redundancy)
        counts[Role.S_INHIBITION] *= len(signals_apart(wiring))
    needed = [sum(counts[role] for role in roles) for roles in STAGES]
    needed[0] += needs_helper(architecture, wiring)
    stages = draw_stages(rng, needed, n_heads // group, n_layers)
    circuit: Circuit = {}
    for roles, layers in zip(STAGES, stages, strict=True):
        for role in roles:
            heads = []
            shares = draw_shares(rng, role, counts[role], redundancy, wiring)
            for strength, signal in shares:
                layer = int(rng.choice([at for at in layers if free[at]]))
                first = free[layer].pop(int(rng.integers(len(free[layer]))))
                head = first + int(rng.integers(group))
                heads.append(PlantedHead(layer, head, strength, signal))
            circuit[role] = sorted(heads, key=lambda each: (each.layer, each.head))
    return {str(role): heads for role, heads in circuit.items() if role not in without}


def signals_apart(wiring: Wiring) -> tuple[str | None, ...]:
    """The signals that have S-inhibition heads of their own; None: each has all."""
    return ("place", "token") if wiring == "separate" else (None,)


def draw_shares(
    rng: np.random.Generator,
    role: Role,
    count: int,
    redundancy: int | None,
    wiring: Wiring,
) -> list[tuple[float, str | None]]:
    """Strength and signal of each head of a role.

    Parameters
    ----------
    count
        Heads of the role.
    redundancy, wiring
        As in `PlantedModel`.
    """
    shares = rng.uniform(0.75, 1.25, size=count)
    signals = signals_apart(wiring) if role == Role.S_INHIBITION else (None,)
    carried = np.resize(np.array(signals, dtype=object), count)
    for signal in signals:
        shares[carried == signal] /= shares[carried == signal].sum()
    if redundancy is not None and role in UPSTREAM:
        shares[:] = 1.0
    return [(round(float(s), 4), c) for s, c in zip(shares, carried, strict=True)]


def needs_helper(architecture: Architecture, wiring: Wiring) -> bool:
    """Whether induction heads need a head that tells them the place of S1.

    In Llama that is the token before it, two back from where they look.
    """
    return architecture == "llama" and wiring == "place"


def draw_stages(
    rng: np.random.Generator, needed: Sequence[int], room: int, n_layers: int
) -> list[list[int]]:
    """Consecutive layers for each stage, all layers together, with room for its heads.

    Parameters
    ----------
    needed
        Heads of each stage.
    room
        How many heads of the circuit one layer can hold.
    n_layers
        Of the model.

    Raises
    ------
    ValueError
        When the layers have too little room.
    """
    least = sum(-(-count // room) for count in needed)
    if least > n_layers:
        raise ValueError(
            f"a circuit of {sum(needed)} heads needs {least} layers, got {n_layers}"
        )
    while True:
        inner = np.arange(1, n_layers)
        cuts = np.sort(rng.choice(inner, len(STAGES) - 1, replace=False))
        stages = [part.tolist() for part in np.split(np.arange(n_layers), cuts)]
        if all(room * len(s) >= n for s, n in zip(stages, needed, strict=True)):
            return stages
