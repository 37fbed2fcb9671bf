"""Made-up heads with roles: the roles, their evidence, verdicts and attention."""

import numpy as np
import pandas as pd

PLANTED = {
    # (layer, head): role, denoising effect, noising effect
    (24, 4): ("name mover", 0.41, 0.28),
    (21, 7): ("name mover", 0.22, 0.19),
    (26, 1): ("negative name mover", -0.17, -0.11),
    (20, 0): ("S-inhibition", 0.33, 0.47),
    (18, 8): ("S-inhibition", 0.15, 0.24),
    (11, 3): ("induction", 0.09, 0.13),
    (7, 2): ("duplicate token", 0.06, 0.10),
    (3, 5): ("previous token", 0.04, 0.05),
    (22, 3): ("copy suppression of S", 0.035, 0.03),
    (23, 6): ("undecided", 0.12, 0.03),
    (15, 1): ("undecided", 0.07, 0.09),
}
ATTENTION = {
    "name mover": {"attention.END.IO": 0.62, "attention.END.S1": 0.11},
    "negative name mover": {"attention.END.IO": 0.55, "attention.END.S1": 0.14},
    "copy suppression of S": {"attention.END.S1": 0.48},
    "S-inhibition": {"attention.END.S2": 0.58},
    "induction": {"attention.S2.S1+1": 0.71},
    "duplicate token": {"attention.S2.S1": 0.66},
    "previous token": {"attention.S1+1.S1": 0.83},
}
CRITERIA = {
    "name mover": [
        ("attention.END.IO", ">=", 0.3),
        ("copy_score", ">=", 0.5),
        ("direct_effect", ">=", 0.02),
    ],
    "negative name mover": [
        ("attention.END.IO", ">=", 0.3),
        ("negative_copy_score", ">=", 0.5),
        ("direct_effect", "<=", -0.02),
    ],
    "copy suppression of S": [
        ("attention.END.S1", ">=", 0.3),
        ("negative_copy_score", ">=", 0.5),
    ],
    "S-inhibition": [("attention.END.S2", ">=", 0.3)],
    "duplicate token": [
        ("attention.S2.S1", ">=", 0.3),
        ("duplicate_token_score", ">=", 0.3),
    ],
    "induction": [
        ("attention.S2.S1+1", ">=", 0.3),
        ("induction_score", ">=", 0.3),
    ],
    "previous token": [
        ("attention.S1+1.S1", ">=", 0.3),
        ("previous_token_score", ">=", 0.3),
    ],
}
EVIDENCE = (
    "effect.denoising.output",
    "induction_score.25x4",
    "attention.END.IO",
    "attention.END.S1",
    "attention.END.S2",
    "attention.S2.S1",
    "attention.S2.S1+1",
    "attention.S1+1.S1",
    "direct_effect",
    "copy_score",
    "negative_copy_score",
    "previous_token_score",
    "duplicate_token_score",
    "induction_score",
)


def synthetic_roles(n_layers: int = 30, n_heads: int = 9) -> pd.DataFrame:
    """roles.csv: the planted heads' roles, undecided ones with what they lack."""
    rows = []
    for layer in range(n_layers):
        for head in range(n_heads):
            role, effect, _ = PLANTED.get((layer, head), ("no role", 0.0, 0.0))
            rows.append(
                {
                    "layer": layer,
                    "head": head,
                    "role": role,
                    "important": int(abs(effect) > 0.05),
                    "missing": "attention.END.IO; copy_score"
                    if role == "undecided"
                    else "",
                    "probability": np.nan if role in ("no role", "undecided") else 0.9,
                }
            )
    return pd.DataFrame(rows)


def synthetic_evidence(
    n_layers: int = 30, n_heads: int = 9, seed: int = 2
) -> pd.DataFrame:
    """evidence.csv: attention, direct effect and scores of every head."""
    rng = np.random.default_rng(seed)
    rows = []
    for layer in range(n_layers):
        for head in range(n_heads):
            role = PLANTED.get((layer, head), ("no role", 0, 0))[0]
            passed = {criterion for criterion, _, _ in CRITERIA.get(role, [])}
            for criterion in EVIDENCE:
                value = rng.uniform(0, 0.1)
                value = ATTENTION.get(role, {}).get(criterion, value)
                if criterion.endswith("score") and criterion in passed:
                    value = 0.87
                if criterion == "direct_effect":
                    value = {"name mover": 1.3, "negative name mover": -0.8}.get(
                        role, rng.normal(0, 0.01)
                    )
                rows.append(
                    {
                        "layer": layer,
                        "head": head,
                        "criterion": criterion,
                        "value": value,
                        "ci_low": value - 0.03,
                        "ci_high": value + 0.03,
                        "n": 120,
                    }
                )
    return pd.DataFrame(rows)


def synthetic_role_criteria(evidence: pd.DataFrame) -> pd.DataFrame:
    """role_criteria.csv: every criterion of every role for every head."""
    values = evidence.set_index(["layer", "head", "criterion"])
    rows = []
    heads = evidence[["layer", "head"]].drop_duplicates().sort_values(["layer", "head"])
    for layer, head in heads.itertuples(index=False):
        for role, criteria in CRITERIA.items():
            for criterion, comparison, threshold in criteria:
                found = values.loc[(layer, head, criterion)]
                passed = (
                    found["value"] >= threshold
                    if comparison == ">="
                    else found["value"] <= threshold
                )
                rows.append(
                    {
                        "layer": layer,
                        "head": head,
                        "role": role,
                        "criterion": criterion,
                        "value": found["value"],
                        "ci_low": found["ci_low"],
                        "ci_high": found["ci_high"],
                        "comparison": comparison,
                        "threshold": threshold,
                        "verdict": int(passed),
                    }
                )
    return pd.DataFrame(rows)


def synthetic_attention_examples(n_tokens: int = 18) -> pd.DataFrame:
    """attention_examples.csv: heads that attend one, two and three tokens back."""
    rows = [
        {
            "layer": 10 + head,
            "head": head,
            "role": role,
            "query_pos": query,
            "key_pos": key,
            "query_token": f" word{query}",
            "key_token": f" word{key}",
            "attention": float(key == max(0, query - head)),
            "position": "END" if query == n_tokens - 1 else "",
        }
        for head, role in enumerate(("name mover", "induction", "undecided"), start=1)
        for query in range(n_tokens)
        for key in range(query + 1)
    ]
    return pd.DataFrame(rows)
