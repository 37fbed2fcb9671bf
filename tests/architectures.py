"""Small random-weight checkpoints of each supported architecture, and word prompts."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from head_patching.models.bridge import load_bridge
from head_patching.models.loading import load_model, prepare_model
from head_patching.tasks.pairs import PromptPair, PromptPairs

D_VOCAB = 53
SHAPE = {"vocab_size": D_VOCAB, "tie_word_embeddings": False}
CONFIGS = {
    "gpt2": GPT2Config(n_layer=3, n_head=4, n_embd=32, n_positions=32, **SHAPE),
    "neox": GPTNeoXConfig(
        num_hidden_layers=3,
        num_attention_heads=4,
        hidden_size=32,
        intermediate_size=48,
        max_position_embeddings=32,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.5,
        },
        use_parallel_residual=True,
        **SHAPE,
    ),
    "llama": LlamaConfig(
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        hidden_size=48,
        intermediate_size=64,
        max_position_embeddings=32,
        **SHAPE,
    ),
}


def save_checkpoint(architecture: str, folder: Path) -> Path:
    """A checkpoint whose random weights are large enough for effects to be graded."""
    seed = sorted(CONFIGS).index(architecture)
    return save_model(CONFIGS[architecture], folder, seed)


def save_model(config: PreTrainedConfig, folder: Path, seed: int = 0) -> Path:
    """A checkpoint of any architecture, with such weights and a tokenizer of words."""
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        scale = 0.4 if parameter.ndim > 1 else 0.2
        parameter.data.normal_(0.0, scale, generator=generator)
        if parameter.ndim == 1:
            parameter.data += 0.5
    model.save_pretrained(str(folder))
    word_tokenizer().save_pretrained(str(folder))
    return folder


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word: w0, w1, ..."""
    vocabulary = {f"w{number}": number for number in range(D_VOCAB)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="w0")


def random_pairs(
    seed: int,
    lengths: tuple[int, ...] = (7, 9, 7, 7, 9),
    n_changed: int = 1,
    first: int = 2,
) -> PromptPairs:
    """Pairs of random words of mixed lengths that differ from place `first` on."""
    generator = torch.Generator().manual_seed(seed)

    def words(count: int) -> list[int]:
        return torch.randint(1, D_VOCAB, (count,), generator=generator).tolist()

    pairs = []
    for number, length in enumerate(lengths):
        clean, corrupt = words(length), None
        corrupt = list(clean)
        for position in range(first, first + n_changed):
            corrupt[position] = clean[position] % (D_VOCAB - 1) + 1
        answer, wrong_answer = 1 + number, 20 + number
        pairs.append(
            PromptPair(
                clean=" ".join(f"w{word}" for word in clean),
                corrupt=" ".join(f"w{word}" for word in corrupt),
                clean_tokens=tuple(clean),
                corrupt_tokens=tuple(corrupt),
                answer=f"w{answer}",
                wrong_answer=f"w{wrong_answer}",
                answer_token=answer,
                wrong_answer_token=wrong_answer,
                positions={"S2": 2 + number % 2, "END": length - 1},
                template=f"random-{number % 2}",
            )
        )
    return PromptPairs("random", "word", False, seed, tuple(pairs))


@pytest.fixture(scope="session", params=sorted(CONFIGS))
def prepared(request, tmp_path_factory):
    """Our model and TransformerLens's, from one checkpoint of each architecture."""
    root = tmp_path_factory.mktemp(request.param)
    checkpoint = save_checkpoint(request.param, root / "checkpoint_in")
    prepare_model(str(checkpoint), root / "model")
    return load_model(root / "model"), load_bridge(root / "model" / "checkpoint")
