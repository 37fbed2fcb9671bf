"""What transformers itself computes is the truth."""

import pytest
from transformers import GPT2Config, LlamaConfig, MistralConfig, Starcoder2Config

from head_patching.models.loading import load_model, prepare_model
from head_patching.models.own_forward import (
    load_own,
    log_probabilities,
    longest_prompt,
    random_prompts,
    relative_error,
    rotary_limit,
)
from head_patching.models.transformer import require_length
from tests.architectures import D_VOCAB, save_model

GROUPED = {
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "hidden_size": 48,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "vocab_size": D_VOCAB,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOO_SMALL = {"n_layer": 3, "n_head": 4, "n_embd": 32, "n_positions": 32}
# TransformerLens makes the same mistake as the engine did, or sees no window.
WRONG_IN_TRANSFORMER_LENS = {
    "scores that are not scaled": GPT2Config(
        **TOO_SMALL, vocab_size=D_VOCAB, scale_attn_weights=False
    ),
    "scores divided by the layer, too": GPT2Config(
        **TOO_SMALL, vocab_size=D_VOCAB, scale_attn_by_inverse_layer_idx=True
    ),
    "another epsilon": Starcoder2Config(**GROUPED, norm_epsilon=0.3),
    "a window longer than short prompts": MistralConfig(**GROUPED, sliding_window=32),
}


@pytest.mark.parametrize("what", WRONG_IN_TRANSFORMER_LENS)
def test_a_model_that_transformer_lens_gets_wrong(what, tmp_path):
    save_model(WRONG_IN_TRANSFORMER_LENS[what], tmp_path / "in")
    record = prepare_model(str(tmp_path / "in"), tmp_path / "model")
    assert (
        "TransformerLens: it does not compute"
        in record["provenance"]["check"]["not_folded"]
    )
    model, own = load_model(tmp_path / "model"), load_own(tmp_path / "in")
    for length in (5, 24, model.config.n_ctx):
        prompts = random_prompts(2, length, D_VOCAB, None, seed=7)
        obtained = model.run(prompts).final_logits.log_softmax(dim=-1)
        assert relative_error(obtained, log_probabilities(own, prompts)) < 1e-5


def test_prompts_are_checked_up_to_the_context_and_refused_beyond(tmp_path):
    settings = GROUPED | {"max_position_embeddings": 4096}
    save_model(LlamaConfig(**settings), tmp_path / "in")
    record = prepare_model(str(tmp_path / "in"), tmp_path / "model", check_length=100)
    check = record["provenance"]["check"]
    assert check["n_tokens"] == [24, 100]
    assert check["failed"] == []
    assert "not_folded" not in check
    assert check["longest_prompt"] == 4096  # no length is named beyond 100
    model = load_model(tmp_path / "model")
    require_length(model, 4096)
    model.provenance["check"]["longest_prompt"] = 1024
    with pytest.raises(ValueError, match=r"1025 tokens.*compared .* on 1024 at most"):
        require_length(model, 1025)


def test_a_length_that_the_configuration_names_beyond_the_checked_ones():
    settings = {"sliding_window": 4096, "rope_scaling": None}
    assert longest_prompt(settings, 32768, 1024) == 1024
    assert longest_prompt({"sliding_window": 64}, 32768, 1024) == 32768
    nested = {"rope_parameters": {"original_max_position_embeddings": 4096}}
    assert longest_prompt(nested, 8192, 1024) == 1024
    assert longest_prompt(nested, 4096, 1024) == 4096


def test_rotary_positions_that_change_with_the_length():
    long = {"rope_type": "longrope", "original_max_position_embeddings": 64}
    assert rotary_limit({"rope_parameters": long}) == 64
    assert rotary_limit({"rope_parameters": {"rope_type": "yarn"}}) is None
