"""Made-up evidence along paths and validation on planted models, for tests only."""

import numpy as np
import pandas as pd

# criterion -> head: effect; all others are near 0.
EFFECTS = {
    "path.logits": {(24, 4): 0.31, (21, 7): 0.17, (26, 1): -0.12, (22, 3): 0.06},
    "path.name_mover_queries": {(20, 0): 0.21, (18, 8): 0.08},
    "path.s_inhibition_values": {(11, 3): 0.07, (7, 2): 0.04},
    "path.induction_keys": {(3, 5): 0.05},
    "knocked_out.effect": {(23, 6): 0.09, (20, 0): 0.2},
    "knocked_out.interaction": {(23, 6): 0.07},
}
SIGNALS = {
    "signal.position": {(20, 0): 0.18, (18, 8): 0.06},
    "signal.token": {(20, 0): 0.02, (18, 8): 0.01},
}
ROLES = ("previous token", "duplicate token", "induction", "S-inhibition")
ROLES += ("name mover", "negative name mover", "backup name mover")


def synthetic_paths(n_layers: int, n_heads: int, seed: int = 5) -> pd.DataFrame:
    """Rows of evidence.csv: effects along paths, and of the two signals."""
    rng = np.random.default_rng(seed)
    rows = []
    for criterion, heads in (EFFECTS | SIGNALS).items():
        for head in np.ndindex(n_layers, n_heads):
            value = heads.get(head, rng.normal(0, 0.002))
            if criterion in SIGNALS and head not in heads:
                value = np.nan  # measured on S-inhibition heads only
            rows.append((*head, criterion, value, int(head in heads)))
    table = pd.DataFrame(
        rows, columns=["layer", "head", "criterion", "value", "important"]
    )
    return table.assign(
        ci_low=table["value"] - 0.01, ci_high=table["value"] + 0.01, n=120
    )


def synthetic_stability() -> pd.DataFrame:
    """role_stability.csv."""
    names = [*ROLES, "copy suppression of S", "all roles"]
    jaccard = np.linspace(0.7, 0.95, len(names))
    return pd.DataFrame({"role": names, "jaccard": jaccard, "n_resamples": 200})


def synthetic_scores() -> pd.DataFrame:
    """scores.csv: worse with every noise level."""
    induction = _scores("induction", ("previous token", "induction"))
    return pd.concat([_scores("ioi", ROLES), induction], ignore_index=True)


def _scores(task: str, roles: tuple[str, ...]) -> pd.DataFrame:
    """The rows of one task."""
    rows = []
    for architecture in ("gpt2", "llama"):
        for number, noise in enumerate((0.0, 0.1, 0.2)):
            for role in roles:
                shares = {
                    f"{measure}{end}": max(0.0, 1 - 0.02 * number - reach)
                    for measure in ("precision", "recall")
                    for end, reach in (("", 0.0), ("_low", 0.1), ("_high", 0.0))
                }
                counts = {"tp": 20 - number, "fp": number, "fn": number}
                row = {"task": task, "architecture": architecture, "noise": noise}
                row |= {"role": role}
                default = {"n_models": 10, "is_default": int(noise == 0.1)}
                rows.append(row | counts | shares | default)
    return pd.DataFrame(rows)


def synthetic_confusion() -> pd.DataFrame:
    """confusion.csv: most heads found as planted."""
    rows = []
    for role in (*ROLES, "none"):
        right = "no role" if role == "none" else role
        rows.append(("ioi", "gpt2", 0.1, role, right, 40, 1))
        rows.append(("ioi", "gpt2", 0.1, role, "undecided", 2, 1))
        rows.append(("ioi", "gpt2", 0.0, role, right, 42, 0))
    columns = [
        "task",
        "architecture",
        "noise",
        "planted",
        "found",
        "heads",
        "is_default",
    ]
    return pd.DataFrame(rows, columns=columns)


def synthetic_null_models() -> pd.DataFrame:
    """null_models.csv: ten models, half of them refused."""
    return pd.DataFrame(
        {
            "architecture": "gpt2",
            "task": "ioi",
            "noise": 0.1,
            "seed": range(10),
            "without": ["all roles", "induction"] * 5,
            "accuracy": [0.5, 0.99] * 5,
            "refused": [1, 0] * 5,
            "false_roles": [0, 1] + [0] * 8,
            "heads": ["", "L1H2 induction"] + [""] * 8,
        }
    )


def synthetic_repetition() -> pd.DataFrame:
    """repetition.csv: better with more copies, worse at long distances."""
    rows = []
    for distance in (4, 16, 64):
        for copies in (1, 2, 3):
            accuracy = 0.6 + 0.1 * copies - 0.001 * distance
            for metric, scale in (
                ("accuracy", 1.0), ("probability", 0.8), ("logit_diff", 9.0)
            ):  # fmt: skip
                mean = scale * accuracy
                rows.append((distance, copies, metric, mean, mean - 0.05, mean + 0.05))
    columns = ["distance", "copies", "metric", "mean", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns).assign(n_sequences=10)


def synthetic_overlap() -> pd.DataFrame:
    """overlap.csv: two tasks that share two heads."""
    sizes = {"n_first": 11, "n_second": 9, "shared": 2, "jaccard": 0.11}
    spread = {"ci_low": 0.05, "ci_high": 0.2, "expected": 0.37, "p_value": 0.047}
    rows = [
        {"first": "ioi", "second": "induction", "direction": direction}
        | sizes
        | spread
        | {"heads": "L11H3 L3H5"}
        for direction in ("denoising", "noising")
    ]
    return pd.DataFrame(rows)
