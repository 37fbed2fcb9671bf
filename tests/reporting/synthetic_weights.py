"""Made-up results of what the weights say, for tests only."""

import numpy as np
import pandas as pd

# The heads with these roles in `tests/reporting/synthetic.py`.
INDUCTION = (11, 3)
PREVIOUS = (3, 5)

# criterion -> the head that stands out in it
CRITERIA = {
    "ov_copying": INDUCTION,
    "ov_copying.mlp": INDUCTION,
    "ov_positive_share": INDUCTION,
    "ov_copy_words": INDUCTION,
    "qk_same_token": INDUCTION,
    "qk_previous_token": PREVIOUS,
    "qk_induction": INDUCTION,
}
ROLE_OF = {INDUCTION: "induction", PREVIOUS: "previous token"}
EFFECT_OF = {"induction": "path.logits", "previous token": "path.induction_keys"}


def synthetic_weights(
    n_layers: int = 30, n_heads: int = 9, seed: int = 6
) -> pd.DataFrame:
    """weights.csv: one head stands out in each criterion."""
    rng = np.random.default_rng(seed)
    rows = []
    for criterion, high in CRITERIA.items():
        for head in np.ndindex(n_layers, n_heads):
            value = 0.91 if head == high else rng.uniform(-0.2, 0.6)
            unseen = head[0] == 0 and criterion.endswith(".mlp")
            rows.append((*head, criterion, np.nan if unseen else value))
    return pd.DataFrame(rows, columns=["layer", "head", "criterion", "value"])


def synthetic_agreement() -> pd.DataFrame:
    """weight_agreement.csv: areas and correlations that fall from row to row."""
    rows = []
    for number, (criterion, head) in enumerate(CRITERIA.items()):
        role, rho = ROLE_OF[head], 0.4 - 0.1 * number
        n_heads = 261 if criterion.endswith(".mlp") else 270
        auc = 0.97 - 0.1 * number
        rows.append((role, criterion, EFFECT_OF[role], rho, rho - 0.12, rho + 0.11))
        rows[-1] += (auc, 0.0005 * 4**number, 1, n_heads)
    columns = ["role", "criterion", "effect", "spearman", "ci_low", "ci_high"]
    columns += ["auc", "p_value", "n_in_role", "n_heads"]
    return pd.DataFrame(rows, columns=columns).sort_values("role", kind="stable")


def synthetic_roc() -> pd.DataFrame:
    """weight_roc.csv: the head of the role at the place that its area says."""
    rows = []
    for row in synthetic_agreement().itertuples():
        miss = 1 - row.auc
        for x, y in ((0, 0), (miss, 0), (miss, 1), (1, 1)):
            rows.append((row.role, row.criterion, x, y))
    columns = ["role", "criterion", "false_positive", "true_positive"]
    return pd.DataFrame(rows, columns=columns)


def synthetic_weight_pairs() -> pd.DataFrame:
    """weight_pairs.csv: more by keys, no more by matches."""
    rows = [
        ("k", 0.0159, 0.0005, 1),
        ("match", 0.012, 0.0095, 1),
        ("match.mlp", -0.004, 0.61, 1),
    ]
    return pd.DataFrame(rows, columns=["kind", "difference", "p_value", "n_pairs"])


def synthetic_edges(seed: int = 7) -> pd.DataFrame:
    """composition_edges.csv: a predicted pair, second of those by keys, and others."""
    rng = np.random.default_rng(seed)
    rows = [
        ("k", 3, 5, 11, 3, 21.0),
        ("k", 17, 8, 18, 7, 25.9),
        ("v", 24, 1, 28, 6, 30),
    ]
    for _ in range(60):
        layer = rng.integers(0, 28)
        later = rng.integers(layer + 1, 30)
        kind = rng.choice(["k", "k", "q", "v"])
        head, later_head = rng.integers(9, size=2)
        rows.append((kind, layer, head, later, later_head, rng.uniform(6, 20)))
    names = ["kind", "layer", "head", "later_layer", "later_head", "z"]
    table = pd.DataFrame(rows, columns=names)
    for column, layer, head in (
        ("role", "layer", "head"),
        ("later_role", "later_layer", "later_head"),
    ):
        heads = zip(table[layer], table[head], strict=True)
        table[column] = [ROLE_OF.get(pair, "no role") for pair in heads]
    table = table.assign(value=0.04 + 0.004 * table["z"], baseline=0.04)
    return table.sort_values("z", ascending=False, ignore_index=True)
