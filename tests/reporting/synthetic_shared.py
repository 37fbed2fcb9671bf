"""Synthetic tables that belong to no task, and those about weights."""

import numpy as np
import pandas as pd

from head_patching.terms import DIRECTIONS, POOLED, Role
from tests.reporting.synthetic_roles import SHAPE
from tests.tables import made

# Roles in planted models.
ROLES = (
    Role.PREVIOUS_TOKEN,
    Role.DUPLICATE_TOKEN,
    Role.INDUCTION,
    Role.S_INHIBITION,
    Role.NAME_MOVER,
    Role.NEGATIVE_NAME_MOVER,
    Role.BACKUP_NAME_MOVER,
)

# The heads with these roles in `synthetic_roles.PLANTED`.
INDUCTION, PREVIOUS = (11, 3), (3, 5)
ROLE_OF = {INDUCTION: Role.INDUCTION, PREVIOUS: Role.PREVIOUS_TOKEN}

# Criterion -> the head that stands out in it.
WEIGHED = dict.fromkeys(
    ("ov_copying", "ov_copying.mlp", "ov_positive_share", "ov_copy_words")
    + ("qk_same_token",),
    INDUCTION,
) | {"qk_previous_token": PREVIOUS, "qk_induction": INDUCTION}


def synthetic_scores() -> pd.DataFrame:
    """scores.csv: worse with every noise level."""
    rows = [
        (*(task, architecture, noise, role, 20 - n, n, n), *2 * rates, noise == 0.1)
        for task, roles in (("ioi", ROLES), ("induction", (ROLES[0], ROLES[2])))
        for architecture in ("gpt2", "llama")
        for n, noise in enumerate((0.0, 0.1, 0.2))
        for rates in [(1 - 0.02 * n, 0.9 - 0.02 * n, 1 - 0.02 * n)]
        for role in roles
    ]
    columns = "task architecture noise role tp fp fn precision precision_low"
    columns += " precision_high recall recall_low recall_high is_default"
    constant = {"n_models": 10, "redundancy": "shared", "attention": "soft"}
    table = made("scores", columns, rows, **constant)
    table.loc[~table["is_default"], "n_models"] = 3
    return table.astype({"is_default": int})


def synthetic_pooled_scores() -> pd.DataFrame:
    """pooled_scores.csv: worse with noise, and with redundancy."""
    rows = [
        (*(task, noise, redundancy, role, 20 - n, m, n), *rates, noise == 0.1)
        for task, roles in (("ioi", ROLES), ("induction", (ROLES[0], ROLES[2])))
        for m, redundancy in enumerate(("shared", "1", "2", "3"))
        for n, noise in enumerate((0.1, 0.2))
        for rates in [
            (1 - 0.03 * m, 0.9 - 0.03 * m, 1 - 0.02 * m)
            + (1 - 0.05 * n, 0.9 - 0.05 * n, 1 - 0.04 * n)
        ]
        for role in roles
        if n == 0 or redundancy in ("shared", "2")
    ]
    columns = "task noise redundancy role tp fp fn precision precision_low"
    columns += " precision_high recall recall_low recall_high is_default"
    table = made("pooled_scores", columns, rows, n_models=4)
    return table.astype({"is_default": int})


def synthetic_decoys() -> pd.DataFrame:
    """decoys.csv: one of eight decoys has a role."""
    rows = [("attention", 5, 0, ""), ("effect", 3, 1, "L3H2 induction")]
    columns = "kind n_decoys with_role heads"
    constant = {"task": "ioi", "architecture": "gpt2", "noise": 0.1, "n_models": 1}
    return made("decoys", columns, rows, redundancy="shared", **constant)


def synthetic_confusion() -> pd.DataFrame:
    """confusion.csv: most heads found as planted."""
    rows = []
    for role in (*ROLES, "none"):
        right = "no role" if role == "none" else role
        rows.append((0.1, role, right, 40, 1))
        rows.append((0.1, role, "undecided", 2, 1))
        rows.append((0.0, role, right, 42, 0))
    columns = "noise planted found heads is_default"
    return made("confusion", columns, rows, task="ioi", architecture="gpt2")


def synthetic_null_models() -> pd.DataFrame:
    """null_models.csv: ten models, half of them refused."""
    rows = []
    for seed in range(0, 10, 2):
        rows.append((seed, POOLED, 0.5, 1, 0, ""))
        found = "L1H2 induction" if seed == 0 else ""
        rows.append((seed + 1, Role.INDUCTION, 0.99, 0, int(seed == 0), found))
    columns = "seed without accuracy refused false_roles heads"
    constant = {"architecture": "gpt2", "task": "ioi", "noise": 0.1, "backups": 0}
    return made("null_models", columns, rows, **constant)


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
    columns = "distance copies metric mean ci_low ci_high"
    return made("repetition", columns, rows, n_sequences=10)


def synthetic_overlap() -> pd.DataFrame:
    """overlap.csv: two tasks that share two heads."""
    sizes = {"n_first": 11, "n_second": 9, "shared": 2, "jaccard": 0.11}
    spread = {"ci_low": 0.05, "ci_high": 0.2, "expected": 0.37, "p_value": 0.047}
    names = {"first": "ioi", "second": "induction", "heads": "L11H3 L3H5"}
    return made("overlap", "direction", [*DIRECTIONS], **names, **sizes, **spread)


def synthetic_weights(seed: int = 6) -> pd.DataFrame:
    """weights.csv: one head stands out in each criterion."""
    rng = np.random.default_rng(seed)
    rows = []
    for criterion, high in WEIGHED.items():
        for head in np.ndindex(SHAPE):
            value = 0.91 if head == high else rng.uniform(-0.2, 0.6)
            unseen = head[0] == 0 and criterion.endswith(".mlp")
            rows.append((*head, criterion, np.nan if unseen else value))
    return made("weights", "layer head criterion value", rows)


def synthetic_weight_agreement() -> pd.DataFrame:
    """weight_agreement.csv: areas and correlations that fall from row to row."""
    effects = {
        Role.INDUCTION: "path.logits",
        Role.PREVIOUS_TOKEN: "path.induction_keys",
    }
    rows = []
    for n, (criterion, head) in enumerate(WEIGHED.items()):
        role, rho = ROLE_OF[head], 0.4 - 0.1 * n
        n_heads = 261 if criterion.endswith(".mlp") else 270
        intervals = (rho, rho - 0.12, rho + 0.11)
        tested = (0.97 - 0.1 * n, 0.0005 * 4**n, n_heads)
        rows.append((role, criterion, effects[role], *intervals, *tested))
    columns = "role criterion effect spearman ci_low ci_high auc p_value n_heads"
    table = made("weight_agreement", columns, rows, n_in_role=1)
    return table.sort_values("role", kind="stable")


def synthetic_weight_roc() -> pd.DataFrame:
    """weight_roc.csv: the head of the role at the place that its area says."""
    rows = [
        (row.role, row.criterion, x, y)
        for row in synthetic_weight_agreement().itertuples()
        for x, y in ((0, 0), (1 - row.auc, 0), (1 - row.auc, 1), (1, 1))
    ]
    return made("weight_roc", "role criterion false_positive true_positive", rows)


def synthetic_weight_pairs() -> pd.DataFrame:
    """weight_pairs.csv: more by keys, no more by matches."""
    rows = [
        ("k", 0.0159, 0.0005),
        ("match", 0.012, 0.0095),
        ("match.mlp", -0.004, 0.61),
    ]
    return made("weight_pairs", "kind difference p_value", rows, n_pairs=1)


def synthetic_composition_edges(seed: int = 7) -> pd.DataFrame:
    """composition_edges.csv: a predicted pair, second of those by keys, and others."""
    rng = np.random.default_rng(seed)
    rows = [
        ("k", *PREVIOUS, *INDUCTION, 21.0),
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
    table = pd.DataFrame(rows, columns=names).sort_values("z", ascending=False)
    for column, at in (("role", names[1:3]), ("later_role", names[3:5])):
        heads = table[at].itertuples(index=False, name=None)
        table[column] = [str(ROLE_OF.get(head, "no role")) for head in heads]
    value = 0.04 + 0.004 * table["z"]
    return made("composition_edges", "", table, value=value, baseline=0.04)


def synthetic_published_heads() -> pd.DataFrame:
    """published_heads.csv: nothing is reported of the model."""
    return made("published_heads", "layer head", [])


def synthetic_published_roles() -> pd.DataFrame:
    """published_roles.csv: a role that is found, too, and one that is not."""
    rows = [(Role.NAME_MOVER, 9, 9), (Role.NAME_MOVER, 10, 0)]
    rows.append((Role.DUPLICATE_TOKEN, 0, 1))
    return made("published_roles", "role layer head", rows, section="section 3.1")


def synthetic_replication() -> pd.DataFrame:
    """replication.csv: without the token all but one agree, with it one does."""
    rows = []
    for bos, shift in ((0, 0.0), (1, -0.3)):
        for criterion, role, sign, published, ours in (
            ("logit_diff", "", "=", 3.56, 3.41),
            ("accuracy", "", "=", 0.993, 0.99),
            ("attention.END.IO", Role.NAME_MOVER, "=", 0.59, 0.62),
            ("copy_score", Role.NAME_MOVER, ">", 0.95, 0.97),
            ("copy_score", "all heads", "<", 0.2, 0.15),
            ("attention.END.S2", Role.S_INHIBITION, "=", 0.51, 0.71),
        ):
            sets = {"published": 3, "found": 2}
            if role == "all heads":
                sets = {"all": 270}
            elif not role:
                sets = {"": 0}
            value = ours + shift
            low, high = value - 0.15, value + 0.15
            agrees = {
                "=": low <= published <= high,
                ">": high > published,
                "<": low < published,
            }[sign]
            about, measured = (criterion, role), (value, low, high, float(agrees))
            for heads, n_heads in sets.items():
                if bos and role == Role.S_INHIBITION and heads == "found":
                    n_heads, measured = 0, 4 * (np.nan,)
                said = (sign, published, bos, 1 - bos)
                rows.append((*about, heads, n_heads, *said, *measured))
    columns = "criterion role heads n_heads comparison published prepend_bos own"
    columns += " value ci_low ci_high agrees"
    return made("replication", columns, rows, section="section 2")


def synthetic_role_agreement() -> pd.DataFrame:
    """role_agreement.csv: five listed heads; four found without the token, one with."""
    rows = [
        (0, 1, Role.NAME_MOVER, 2, 2, 2, 1.0, 1.0, 1.0, 1.0, 1.0),
        (0, 1, Role.S_INHIBITION, 3, 3, 2, 0.667, 0.667, 0.663, 0.3, 0.9),
        (0, 1, POOLED, 5, 5, 4, 0.8, 0.8, 0.798, 0.61, 0.92),
        (1, 0, Role.NAME_MOVER, 2, 1, 1, 1.0, 0.5, 0.665, 0.2, 0.9),
        (1, 0, Role.S_INHIBITION, 3, 0, 0, np.nan, 0.0, 0.0, 0.0, 0.0),
        (1, 0, POOLED, 5, 1, 1, 1.0, 0.2, 0.33, 0.1, 0.61),
    ]
    columns = "prepend_bos own role published found both"
    columns += " precision recall kappa kappa_low kappa_high"
    return made("role_agreement", columns, rows)


def synthetic_role_disagreements() -> pd.DataFrame:
    """role_disagreements.csv: one head missed, which lacks one criterion, one added."""
    path = ("path.name_mover_queries", "effect >=", 0.02)
    attention = ("attention.END.S2", ">=", 0.2)
    missed = (0, 1, 2, 2, Role.S_INHIBITION, "published")
    added = (0, 1, 15, 1, Role.S_INHIBITION, "measured")
    rows = [
        (*missed, *path, 0.001, 0),
        (*missed, *attention, 0.31, 1),
        (*added, *path, 0.05, 1),
        (*added, *attention, 0.42, 1),
        (1, 0, 21, 7, Role.NAME_MOVER, "published", *attention, 0.1, 0),
    ]
    columns = "prepend_bos own layer head role side criterion comparison threshold"
    table = made("role_disagreements", f"{columns} value verdict", rows)
    return table.assign(ci_low=table["value"] - 0.02, ci_high=table["value"] + 0.02)
