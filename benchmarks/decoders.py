"""The table of docs/models.md: every causal architecture of transformers, tried.

A small random checkpoint of each `model_type` (3 layers, 6 heads) is prepared as any
model; its log-probabilities are compared with transformers' own, and every patch type
in both directions with plain transformers (`patching.own_reference`).

    python benchmarks/decoders.py                  # writes docs/models.csv and .md
    python benchmarks/decoders.py qwen3 gptj       # prints these rows
"""

import argparse
import csv
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from head_patching.models.forms import Form, take_form
from head_patching.models.own_forward import load_own
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.reference import reference_logits, run_tokens
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.terms import DIRECTIONS, PATCH_TYPES

TABLE = Path(__file__).parents[1] / "docs" / "models.csv"
PAGE = TABLE.with_suffix(".md")
MARK = "<!-- benchmarks/decoders.py writes what follows -->"
COLUMNS = ["model_type", "outcome", "reason", "short", "long", "patching", "moved"]

D_VOCAB = 53
SHAPE: dict[str, Any] = {
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "hidden_size": 48,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "vocab_size": D_VOCAB,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "is_decoder": True,
    "num_local_experts": 4,
    "num_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "d_model": 48,
    "encoder_layers": 1,
    "decoder_layers": 3,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "ffn_dim": 64,
    "embed_dim": 48,
    "embedding_size": 48,
}
HEAD_DIM = {"head_dim": 8}
# Of latent attention.
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
          "qk_rope_head_dim": 8, "v_head_dim": 8, "qk_head_dim": 16,
          "num_key_value_heads": 6}  # fmt: skip
THREE = ["sliding_attention", "full_attention", "sliding_attention"]
# What a model type needs besides, to be small.
SETTINGS: dict[str, dict[str, Any]] = {
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4, "num_attention_heads": 8, "hidden_size": 64},
    "gpt_neo": {"attention_types": [[["global", "local"], 1], [["global"], 1]],
                "window_size": 16},
    "gemma3_text": {"layer_types": THREE, "sliding_window": 16},
    "gemma2": {"layer_types": THREE, "sliding_window": 16},
    "cohere2": {"layer_types": THREE, "sliding_window": 16},
    "mistral": {"sliding_window": 32},
}  # fmt: skip
# Sinks that scale the sum of values afterwards: the reference puts z in before. Without
# sinks it can compare the rest.
SCALED_BEHIND = ("granite_swa", "granitemoe_swa")
MOST_BYTES = 6 * 2**30
PAIR_LENGTHS, LONG = (9,), 64


def small_config(model_type: str) -> Any:
    """The configuration of a small model of a type."""
    settings = SHAPE | HEAD_DIM | SETTINGS.get(model_type, {})
    fields = AutoConfig.for_model(model_type)
    if hasattr(fields, "kv_lora_rank"):
        settings |= LATENT
        del settings["head_dim"]
    known = {
        name: value for name, value in settings.items()
        if (hasattr(fields, name) or name in fields.attribute_map)
        and not is_computed(fields, name)
    }  # fmt: skip
    if (
        not is_computed(fields, "layer_types")
        and len(known.get("layer_types") or []) != SHAPE["num_hidden_layers"]
    ):
        of_default = list(getattr(fields, "layer_types", None) or [])
        if of_default:
            known["layer_types"] = of_default[: SHAPE["num_hidden_layers"]]
    return AutoConfig.for_model(model_type, **known)


def is_computed(fields: Any, name: str) -> bool:
    """Whether a setting follows from others."""
    name = fields.attribute_map.get(name, name)
    found = getattr(type(fields), name, None)
    return isinstance(found, property) and found.fset is None


def save_small(model_type: str, folder: Path, seed: int = 0) -> None:
    """A small random checkpoint, with weights large enough for effects to be graded."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(small_config(model_type))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        scale = 0.3 if parameter.ndim > 1 else 0.2
        parameter.data.normal_(0.0, scale, generator=generator)
        if parameter.ndim == 1:
            parameter.data += 0.5
        if model_type in SCALED_BEHIND and name.endswith("sinks"):
            parameter.data.fill_(-30.0)
    model.save_pretrained(str(folder))
    vocabulary = {f"w{number}": number for number in range(D_VOCAB)}
    words = Tokenizer(WordLevel(vocabulary, unk_token="w0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0")
    tokenizer.save_pretrained(str(folder))


def own_logits(folder: Path) -> None:
    """Run transformers' model once, to see that it is one."""
    tokens = torch.arange(3, 11)[None]
    with torch.no_grad():
        load_own(folder)(input_ids=tokens, use_cache=False).logits.sum()


def random_pairs(seed: int = 0) -> PromptPairs:
    """Pairs of random tokens that differ from the third on, of two lengths."""
    generator = torch.Generator().manual_seed(seed)
    pairs = []
    for number, length in enumerate(PAIR_LENGTHS):
        clean = torch.randint(3, D_VOCAB, (length,), generator=generator).tolist()
        corrupt = list(clean)
        for position in (2, 4):
            corrupt[position] = 3 + (clean[position] - 2) % (D_VOCAB - 3)
        tokens = {"clean_tokens": tuple(clean), "corrupt_tokens": tuple(corrupt)}
        words = {name.split("_")[0]: str(ids) for name, ids in tokens.items()}
        positions = {"S2": 4, "END": length - 1}
        pairs.append(
            PromptPair(
                **words, **tokens, answer="5", wrong_answer="9", answer_token=5,
                wrong_answer_token=9, positions=positions, template=str(number),
            )
        )  # fmt: skip
    return PromptPairs("random", "token", False, seed, tuple(pairs))


def tried(model_type: str) -> dict[str, str]:
    """One row of the table."""
    row = dict.fromkeys(COLUMNS, "") | {"model_type": model_type}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkpoint"
        try:
            save_small(model_type, folder)
            own_logits(folder)
        except Exception as error:  # what transformers can't run, nobody can patch
            return row | {"outcome": "not made", "reason": line_of(error)}
        try:
            form, check = take_form(folder, model_type, LONG)
        except ValueError as error:
            reason = line_of(error).split("cannot be patched: ")[-1]
            return row | {"outcome": "refused", "reason": reason}
        row["outcome"] = form.name
        row["reason"] = check.get("not_folded", "")
        row["short"] = f"{check['errors']['log_probabilities']:.0e}"
        row["long"] = f"{check['errors']['log_probabilities_long']:.0e}"
        own = load_own(folder)
        try:
            worst, moved = compared(form, own)
        except Exception as error:
            return row | {"patching": f"{type(error).__name__}: {line_of(error)}"}
        row["patching"] = f"{max(worst.values()):.0e}"
        row["moved"] = " ".join(name for name in PATCH_TYPES if moved[name])
    return row


def compared(form: Form, own: Any) -> tuple[dict[str, float], dict[str, bool]]:
    """Largest difference from plain transformers by patch type, and what moved."""
    model, pairs = form.model, random_pairs()
    worst, moved = dict.fromkeys(PATCH_TYPES, 0.0), dict.fromkeys(PATCH_TYPES, False)
    for patch_type in PATCH_TYPES:
        for direction in DIRECTIONS:
            for label in (None, "S2") if direction == "denoising" else (None,):
                positions = "all" if label is None else [label]
                run = (patch_type, direction)
                patched = HeadPatcher(model).run(pairs, *run, positions)
                obtained = patched.logit_diff.values
                obtained = obtained if label is None else obtained[..., 0]
                expected = expected_of(model, own, pairs, (*run, label))
                scale = max(1.0, float(np.abs(expected).max()))
                error = float(np.abs(obtained - expected).max()) / scale
                worst[patch_type] = max(worst[patch_type], error)
                base = "corrupt" if direction == "denoising" else "clean"
                change = expected - patched[f"{base}_logit_diff"].values
                moved[patch_type] |= bool(np.abs(change).max() > 1e-5)
    return worst, moved


def expected_of(
    model: Any, own: Any, pairs: PromptPairs, run: tuple[str, str, str | None]
) -> np.ndarray:
    """logit_diff [layer head pair] by plain transformers."""
    patch_type, direction, label = run
    config = model.config
    expected = np.empty((config.n_layers, config.n_heads, len(pairs)))
    for index, pair in enumerate(pairs):
        base, source = run_tokens(pairs, [index], direction)
        mask = None
        if label is not None:
            mask = torch.zeros_like(base, dtype=torch.bool)
            mask[0, pair.positions[label]] = True
        logits = reference_logits(own, base, source, config.heads, patch_type, mask)
        diff = logits[:, 0, pair.answer_token] - logits[:, 0, pair.wrong_answer_token]
        expected[:, :, index] = diff.view(config.n_layers, config.n_heads).numpy()
    return expected


def line_of(error: BaseException) -> str:
    """The first line of an error."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:160]


def main() -> None:
    """Write the table, or print some rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_types", nargs="*")
    chosen = parser.parse_args().model_types
    warnings.filterwarnings("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    # What is large whatever its settings say is not made.
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    rows = []
    for model_type in chosen or sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        start = time.process_time()
        rows.append(tried(model_type))
        seconds = time.process_time() - start
        print(*rows[-1].values(), f"{seconds:.1f} s", sep=" | ", flush=True)
    if not chosen:
        write_table(rows)


def write_table(rows: list[dict[str, str]]) -> None:
    """Write the rows, and put them into the page."""
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    titles = "model type", "form", "why", "short", "long", "patches", "patch types"
    lines = [f"| {' | '.join(titles)} |", "|---|---|---|---:|---:|---:|---|"]
    for row in rows:
        cells = [f"`{row['model_type']}`", *list(row.values())[1:]]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        text[: text.index(MARK) + len(MARK)] + "\n\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
