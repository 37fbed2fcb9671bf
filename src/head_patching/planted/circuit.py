"""Which heads of a planted model play which role, drawn by a seed."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

Architecture = Literal["gpt2", "llama"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

N_LAYERS, N_HEADS = 8, 8

# Length of what each head and MLP outside the circuit writes; tokens have length 1.
DEFAULT_NOISE = 0.1

# Heads that share keys and values in the Llama model; a planted head shares with none.
GROUP_SIZE = {"gpt2": 1, "llama": 2}

# role -> where it attends from, and to.
ROLES = {
    "previous token": ("S1+1", "S1"),
    "duplicate token": ("S2", "S1"),
    "induction": ("S2", "S1+1"),
    "S-inhibition": ("END", "S2"),
    "name mover": ("END", "IO"),
    "negative name mover": ("END", "IO"),
    "backup name mover": ("END", "IO"),
}

# role -> how many heads at least and at most.
COUNTS = {
    "previous token": (1, 2),
    "duplicate token": (1, 2),
    "induction": (1, 2),
    "S-inhibition": (2, 3),
    "name mover": (2, 3),
    "negative name mover": (1, 2),
    "backup name mover": (1, 2),
}

# A stage reads what earlier stages wrote, so all its heads lie in later layers.
STAGES = (
    ("previous token",),
    ("duplicate token", "induction"),
    ("S-inhibition",),
    ("name mover", "negative name mover"),
    ("backup name mover",),
)


@dataclass(frozen=True)
class PlantedHead:
    """One head of the circuit; `strength` is its share of what its role writes."""

    layer: int
    head: int
    strength: float


Circuit = dict[str, list[PlantedHead]]


def draw_circuit(
    seed: int, architecture: Architecture, without: Collection[str] = ()
) -> Circuit:
    """Heads for every role that is not left out.

    Other roles stay where they are when one is left out, so that models with the same
    seed can be compared.
    """
    unknown = sorted(set(without) - set(ROLES))
    if unknown:
        raise ValueError(f"unknown role {unknown[0]!r}; allowed: {', '.join(ROLES)}")
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
    return {role: heads for role, heads in circuit.items() if role not in without}


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
