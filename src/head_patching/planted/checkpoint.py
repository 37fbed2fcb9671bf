"""A planted model as an ordinary Hugging Face checkpoint, with the truth beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from head_patching.files.writing import write_json
from head_patching.planted.circuit import (
    DEFAULT_NOISE,
    GROUP_SIZE,
    N_HEADS,
    N_LAYERS,
    Architecture,
    Circuit,
    draw_circuit,
    truth,
)
from head_patching.planted.heads import (
    D_HEAD,
    GAIN,
    HeadWeights,
    planted_head,
)
from head_patching.planted.residual import CONSTANT, D_MODEL, Residual
from head_patching.planted.rotary import THETA
from head_patching.tasks.vocabulary import Words

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

D_MLP = 256
# The longest prompts are random tokens, repeated: four times 64 and a start token.
N_CONTEXT = 512
START_TOKEN, UNKNOWN = "<s>", "<unk>"

# From a unit of the final stream, normalised, to logits.
UNEMBEDDING = 1.5

# Size of the part of the stream that noise heads and MLPs read: all but the constant.
READ_BY_NOISE = GAIN * 3**0.5


@dataclass(frozen=True)
class PlantedModel:
    """What there is to know about one planted model."""

    architecture: Architecture
    seed: int
    noise: float = DEFAULT_NOISE
    without: tuple[str, ...] = ()

    @property
    def circuit(self) -> Circuit:
        """Its heads, by role."""
        return draw_circuit(self.seed, self.architecture, self.without)


@dataclass(frozen=True)
class Weights:
    """All of a planted model's weights, before an architecture arranges them."""

    embedding: Float[np.ndarray, "token d_model"]
    places: Float[np.ndarray, "position d_model"]  # GPT-2 alone has them
    unembedding: Float[np.ndarray, "d_model token"]
    heads: Sequence[Sequence[HeadWeights]]  # [layer][head]
    mlps: Sequence[dict[str, np.ndarray]]


def write_planted(planted: PlantedModel, words: Words, folder: Path | str) -> Path:
    """Write checkpoint, tokenizer and `truth.json`; returns the folder.

    Nothing that measures a model reads the truth.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = word_tokenizer(words)
    model = build(planted, words, tokenizer)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    record = {
        "architecture": planted.architecture,
        "seed": planted.seed,
        "noise": planted.noise,
        "without": list(planted.without),
        "roles": truth(planted.circuit),
    }
    write_json(folder / "truth.json", record)
    return folder


def word_tokenizer(words: Words) -> "PreTrainedTokenizerFast":
    """One token per word, after a start token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = [UNKNOWN, START_TOKEN, *words.all]
    ids = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START_TOKEN} $A", special_tokens=[(START_TOKEN, 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=UNKNOWN, bos_token=START_TOKEN
    )


def build(
    planted: PlantedModel, words: Words, tokenizer: "PreTrainedTokenizerFast"
) -> "PreTrainedModel":
    """The model with all its weights."""
    weights = all_weights(planted, words, tokenizer)
    fill = {"gpt2": fill_gpt2, "llama": fill_llama}[planted.architecture]
    with torch.no_grad():
        model = fill(weights)
    return model.eval()


def all_weights(
    planted: PlantedModel, words: Words, tokenizer: "PreTrainedTokenizerFast"
) -> Weights:
    """The weights of its embedding, heads, MLPs and unembedding."""
    residual = Residual(planted.seed)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    codes = residual.token_codes(len(tokens))
    codes[tokens.index(START_TOKEN)] = 0.0  # a head at rest moves nothing
    embedding = codes @ residual["token"].T
    for number, word in enumerate(tokens):
        embedding[number] += CONSTANT * residual["constant"][:, 0]
        if word in words.names:
            embedding[number] += residual["name"][:, 0]
        if word == START_TOKEN:
            embedding[number] += residual["start"][:, 0]
    return Weights(
        embedding,
        residual.place_codes(N_CONTEXT) @ residual["place"].T,
        UNEMBEDDING * residual["output"] @ codes.T,
        all_heads(planted, residual),
        [noise_mlp(planted, residual, layer) for layer in range(N_LAYERS)],
    )


def all_heads(planted: PlantedModel, residual: Residual) -> list[list[HeadWeights]]:
    """Every head's weights, [layer][head]: the circuit's, and noise elsewhere."""
    heads = [
        [noise_head(planted, residual, layer, head) for head in range(N_HEADS)]
        for layer in range(N_LAYERS)
    ]
    for role, members in planted.circuit.items():
        for member in members:
            heads[member.layer][member.head] = planted_head(
                role, planted.architecture, residual, member.strength
            )
    return heads


def noise_head(
    planted: PlantedModel, residual: Residual, layer: int, head: int
) -> HeadWeights:
    """Random weights: scores of some size, an output as long as the noise level.

    Blind to the constant, which would be the same in every prompt.
    """
    d_head = D_HEAD[planted.architecture]
    rng = np.random.default_rng([planted.seed, 4, layer, head])
    scale = 1 / READ_BY_NOISE
    W_Q, W_K, W_V = (
        blind_to_constant(rng.normal(size=(D_MODEL, d_head)) * scale, residual)
        for _ in range(3)
    )
    W_O = rng.normal(size=(d_head, D_MODEL)) * planted.noise / (d_head * D_MODEL) ** 0.5
    return HeadWeights(W_Q, W_K, W_V, W_O, planted=False)


def noise_mlp(
    planted: PlantedModel, residual: Residual, layer: int
) -> dict[str, np.ndarray]:
    """Random weights `in`, `gate` and `out`, whose output is as long as the noise."""
    rng = np.random.default_rng([planted.seed, 5, layer])
    scale = 1 / READ_BY_NOISE
    entering = {
        name: blind_to_constant(rng.normal(size=(D_MODEL, D_MLP)) * scale, residual)
        for name in ("in", "gate")
    }
    out = rng.normal(size=(D_MLP, D_MODEL)) * planted.noise / (D_MLP * D_MODEL) ** 0.5
    return entering | {"out": out}


def blind_to_constant(weights: np.ndarray, residual: Residual) -> np.ndarray:
    """The same weights without what they read of the constant direction."""
    constant = residual["constant"]
    return weights - constant @ (constant.T @ weights)


def fill_gpt2(weights: Weights) -> "PreTrainedModel":
    """GPT-2 with these weights; positions carry place codes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(weights.embedding), n_positions=N_CONTEXT, n_embd=D_MODEL,
        n_layer=N_LAYERS, n_head=N_HEADS, n_inner=D_MLP, tie_word_embeddings=False,
        bos_token_id=1, eos_token_id=None,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    zero_biases(model)
    put(model.transformer.wte.weight, weights.embedding)
    put(model.transformer.wpe.weight, weights.places)
    put(model.lm_head.weight, weights.unembedding.T)
    blocks = zip(model.transformer.h, weights.heads, weights.mlps, strict=True)
    for block, layer, mlp in blocks:
        reading = [side_by_side(layer, name) for name in ("W_Q", "W_K", "W_V")]
        put(block.attn.c_attn.weight, np.concatenate(reading, axis=1))
        put(block.attn.c_proj.weight, np.concatenate([head.W_O for head in layer]))
        put(block.mlp.c_fc.weight, mlp["in"])
        put(block.mlp.c_proj.weight, mlp["out"])
    return model


def fill_llama(weights: Weights) -> "PreTrainedModel":
    """Llama with these weights; a planted head's group takes its keys and values."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(weights.embedding), max_position_embeddings=N_CONTEXT,
        hidden_size=D_MODEL, num_hidden_layers=N_LAYERS, num_attention_heads=N_HEADS,
        num_key_value_heads=N_HEADS // GROUP_SIZE["llama"], head_dim=D_HEAD["llama"],
        intermediate_size=D_MLP, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        bos_token_id=1, eos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    put(model.model.embed_tokens.weight, weights.embedding)
    put(model.lm_head.weight, weights.unembedding.T)
    size = GROUP_SIZE["llama"]
    blocks = zip(model.model.layers, weights.heads, weights.mlps, strict=True)
    for block, layer, mlp in blocks:
        sharing = key_value_heads(layer, size)
        put(block.self_attn.q_proj.weight, side_by_side(layer, "W_Q").T)
        put(block.self_attn.k_proj.weight, side_by_side(sharing, "W_K").T)
        put(block.self_attn.v_proj.weight, side_by_side(sharing, "W_V").T)
        put(block.self_attn.o_proj.weight, np.concatenate([h.W_O for h in layer]).T)
        put(block.mlp.up_proj.weight, mlp["in"].T)
        put(block.mlp.gate_proj.weight, mlp["gate"].T)
        put(block.mlp.down_proj.weight, mlp["out"].T)
    return model


def key_value_heads(layer: Sequence[HeadWeights], size: int) -> list[HeadWeights]:
    """Of each group of heads the one whose keys and values all of it use."""
    groups = [layer[first : first + size] for first in range(0, N_HEADS, size)]
    return [max(group, key=lambda head: head.planted) for group in groups]


def side_by_side(heads: Collection[HeadWeights], name: str) -> np.ndarray:
    """One matrix of all heads, in the order in which they lie."""
    return np.concatenate([getattr(head, name) for head in heads], axis=1)


def zero_biases(model: "PreTrainedModel") -> None:
    """No bias anywhere; the norms' weights stay 1."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()


def put(parameter: torch.Tensor, values: np.ndarray) -> None:
    """Replace a parameter's values, whose shape must be the same."""
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)).float())
