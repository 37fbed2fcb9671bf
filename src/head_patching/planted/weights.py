"""All weights of a planted model: the circuit's heads, noise, and the embedding."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from head_patching.planted.circuit import PlantedModel
from head_patching.planted.decoys import draw_beside, weights_beside
from head_patching.planted.heads import D_HEAD, HeadWeights
from head_patching.planted.jobs import LAST_WORD, Jobs
from head_patching.planted.residual import CONSTANT, Residual
from head_patching.tasks.vocabulary import Words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

D_MLP = 256
# The longest prompts are random tokens, repeated: four times 64 and a start token.
N_CONTEXT = 512
START_TOKEN = "<s>"

# From a unit of the final stream, normalised, to logits.
UNEMBEDDING = 1.5


@dataclass(frozen=True)
class Weights:
    """A planted model's weights, before they are arranged for an architecture."""

    embedding: Float[np.ndarray, "token d_model"]
    places: Float[np.ndarray, "position d_model"]  # used by GPT-2 only
    unembedding: Float[np.ndarray, "d_model token"]
    heads: Sequence[Sequence[HeadWeights]]  # [layer][head]
    mlps: Sequence[dict[str, np.ndarray]]


def all_weights(
    planted: PlantedModel, words: Words, tokenizer: "PreTrainedTokenizerFast"
) -> Weights:
    """The weights of embedding, heads, MLPs and unembedding."""
    residual = Residual(planted.seed, planted.d_model)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    codes = residual.token_codes(len(tokens))
    codes[tokens.index(START_TOKEN)] = 0.0  # a head that attends here moves nothing
    embedding = codes @ residual["token"].T
    for number, word in enumerate(tokens):
        embedding[number] += CONSTANT * residual["constant"][:, 0]
        if word in words.names:
            embedding[number] += residual["name"][:, 0]
        if word == START_TOKEN:
            embedding[number] += residual["start"][:, 0]
        if word == LAST_WORD and not planted.plain:
            embedding[number] += Jobs(planted, residual).asking[:, 0]
    return Weights(
        embedding,
        residual.place_codes(N_CONTEXT) @ residual["place"].T,
        UNEMBEDDING * residual["output"] @ codes.T,
        all_heads(planted, residual),
        [noise_mlp(planted, residual, layer) for layer in range(planted.n_layers)],
    )


def all_heads(planted: PlantedModel, residual: Residual) -> list[list[HeadWeights]]:
    """Every head's weights, [layer][head]: the circuit's, and noise elsewhere."""
    jobs = Jobs(planted, residual)
    chosen = {
        (member.layer, member.head): jobs.weights(role, member)
        for role, members in planted.circuit.items()
        for member in members
    }
    for beside in draw_beside(planted):
        chosen[beside.layer, beside.head] = weights_beside(jobs, beside)
    return [
        [
            chosen.get((layer, head)) or noise_head(planted, residual, layer, head)
            for head in range(planted.n_heads)
        ]
        for layer in range(planted.n_layers)
    ]


def noise_head(
    planted: PlantedModel, residual: Residual, layer: int, head: int
) -> HeadWeights:
    """A head of random weights, whose output is as long as the noise level.

    It does not read the constant direction, which is equal in every prompt.
    """
    d_head = D_HEAD[planted.architecture]
    rng = np.random.default_rng([planted.seed, 4, layer, head])
    scale = 1 / read_by_noise(planted, residual)
    W_Q, W_K, W_V = (
        blind_to_constant(rng.normal(size=(residual.d_model, d_head)) * scale, residual)
        for _ in range(3)
    )
    W_O = rng.normal(size=(d_head, residual.d_model))
    W_O = W_O * planted.noise / (d_head * residual.d_model) ** 0.5
    return HeadWeights(W_Q, W_K, W_V, W_O, planted=False)


def noise_mlp(
    planted: PlantedModel, residual: Residual, layer: int
) -> dict[str, np.ndarray]:
    """Random weights `in`, `gate` and `out`; the output is as long as the noise."""
    rng = np.random.default_rng([planted.seed, 5, layer])
    scale = 1 / read_by_noise(planted, residual)
    entering = {
        name: blind_to_constant(
            rng.normal(size=(residual.d_model, D_MLP)) * scale, residual
        )
        for name in ("in", "gate")
    }
    out = rng.normal(size=(D_MLP, residual.d_model))
    out = out * planted.noise / (D_MLP * residual.d_model) ** 0.5
    return entering | {"out": out}


def read_by_noise(planted: PlantedModel, residual: Residual) -> float:
    """Size of what noise heads and MLPs read: of the stream but for the constant.

    Token, place, and the token before, once for each head that writes it.
    """
    n_writing = planted.redundancy or 1
    return residual.gain * (2 + n_writing**2) ** 0.5


def blind_to_constant(weights: np.ndarray, residual: Residual) -> np.ndarray:
    """Weights less the part of them that reads the constant direction."""
    constant = residual["constant"]
    return weights - constant @ (constant.T @ weights)


def key_value_heads(layer: Sequence[HeadWeights], size: int) -> list[HeadWeights]:
    """The head of each group whose keys and values the whole group uses."""
    groups = [layer[first : first + size] for first in range(0, len(layer), size)]
    return [max(group, key=lambda head: head.planted) for group in groups]


def side_by_side(heads: Collection[HeadWeights], name: str) -> np.ndarray:
    """One matrix of all heads, in the order of the heads."""
    return np.concatenate([getattr(head, name) for head in heads], axis=1)
