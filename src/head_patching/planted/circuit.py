"""Which heads of a planted model play which role, drawn by a seed."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from head_patching.lookup import one_of
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


@dataclass(frozen=True)
class PlantedHead:
    """One head of the circuit; `strength` is its share of what its role writes."""

    layer: int
    head: int
    strength: float


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
    def circuit(self) -> Circuit:
        """The heads of each role."""
        plain = PlantedModel(self.architecture, self.seed, self.noise, self.without)
        if self != plain:
            raise NotImplementedError(
                "only soft models of 8 x 8 heads that share one job can be made so far"
            )
        return draw_circuit(self.seed, self.architecture, self.without)


def draw_circuit(
    seed: int, architecture: Architecture, without: Collection[str] = ()
) -> Circuit:
    """Heads for every role that is not left out.

    Leaving out a role does not move the heads of the others, so that models of one
    seed can be compared.
    """
    for role in without:
        one_of("role", role, [*map(str, ROLES)])
    rng = np.random.default_rng([seed, ARCHITECTURES.index(architecture)])
    group = GROUP_SIZE[architecture]
    free = {
        layer: list(range(0, N_HEADS, group)) for layer in range(N_LAYERS)
    }  # first heads of the groups that are still free
    counts = {
        role: int(rng.integers(least, most + 1))
        for role, (least, most) in COUNTS.items()
    }
    circuit: Circuit = {}
    stages = draw_stages(rng, counts, N_HEADS // group)
    for roles, layers in zip(STAGES, stages, strict=True):
        for role in roles:
            shares = rng.uniform(0.75, 1.25, size=counts[role])
            heads = []
            for share in shares / shares.sum():
                layer = int(rng.choice([at for at in layers if free[at]]))
                first = free[layer].pop(int(rng.integers(len(free[layer]))))
                head = first + int(rng.integers(group))
                heads.append(PlantedHead(layer, head, round(float(share), 4)))
            circuit[role] = sorted(heads, key=lambda each: (each.layer, each.head))
    return {str(role): heads for role, heads in circuit.items() if role not in without}


def draw_stages(
    rng: np.random.Generator, counts: Mapping[str, int], room: int
) -> list[list[int]]:
    """Consecutive layers for each stage, all layers together, with room for its heads.

    `room` is how many heads of the circuit one layer can hold.
    """
    needed = [sum(counts[role] for role in roles) for roles in STAGES]
    while True:
        inner = np.arange(1, N_LAYERS)
        cuts = np.sort(rng.choice(inner, len(STAGES) - 1, replace=False))
        stages = [part.tolist() for part in np.split(np.arange(N_LAYERS), cuts)]
        if all(room * len(s) >= n for s, n in zip(stages, needed, strict=True)):
            return stages


def truth(circuit: Circuit) -> dict[str, list[dict[str, Any]]]:
    """The circuit as data: each role's heads with strength and positions."""
    return {
        role: [
            asdict(head)
            | {"attends_from": ROLES[role][0], "attends_to": ROLES[role][1]}
            for head in heads
        ]
        for role, heads in circuit.items()
    }
