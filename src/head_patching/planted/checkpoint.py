"""A planted model as a Hugging Face checkpoint, with its circuit in `truth.json`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from head_patching.files.writing import write_json
from head_patching.planted.circuit import (
    GROUP_SIZE,
    PlantedModel,
)
from head_patching.planted.heads import D_HEAD
from head_patching.planted.rotary import THETA
from head_patching.planted.truth import truth
from head_patching.planted.weights import (
    D_MLP,
    N_CONTEXT,
    START_TOKEN,
    Weights,
    all_weights,
    key_value_heads,
    side_by_side,
)
from head_patching.tasks.vocabulary import Words

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

UNKNOWN = "<unk>"


def write_planted(planted: PlantedModel, words: Words, folder: Path | str) -> Path:
    """Write checkpoint, tokenizer and `truth.json`, the circuit; returns the folder.

    No measurement reads `truth.json`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = word_tokenizer(words)
    model = build(planted, words, tokenizer)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    write_json(folder / "truth.json", truth(planted))
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


def fill_gpt2(weights: Weights) -> "PreTrainedModel":
    """GPT-2 with these weights; positions carry place codes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    n_tokens, d_model = weights.embedding.shape
    config = GPT2Config(
        vocab_size=n_tokens, n_positions=N_CONTEXT, n_embd=d_model,
        n_layer=len(weights.heads), n_head=len(weights.heads[0]), n_inner=D_MLP,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=None,
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

    (n_tokens, d_model), n_heads = weights.embedding.shape, len(weights.heads[0])
    config = LlamaConfig(
        vocab_size=n_tokens, max_position_embeddings=N_CONTEXT, hidden_size=d_model,
        num_hidden_layers=len(weights.heads), num_attention_heads=n_heads,
        num_key_value_heads=n_heads // GROUP_SIZE["llama"], head_dim=D_HEAD["llama"],
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


def zero_biases(model: "PreTrainedModel") -> None:
    """No bias anywhere; the norms' weights stay 1."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()


def put(parameter: torch.Tensor, values: np.ndarray) -> None:
    """Replace a parameter's values by others of its shape."""
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)).float())
