"""Synthetic heads with roles: the roles, their evidence, verdicts and attention."""

import numpy as np
import pandas as pd

from head_patching.terms import HEAD, POOLED, UNDECIDED, Role, has_role, head_name
from tests.tables import made

SHAPE = (30, 9)  # layers, heads

PLANTED = {
    # (layer, head): role, denoising effect, noising effect
    (24, 4): (Role.NAME_MOVER, 0.41, 0.28),
    (21, 7): (Role.NAME_MOVER, 0.22, 0.19),
    (26, 1): (Role.NEGATIVE_NAME_MOVER, -0.17, -0.11),
    (20, 0): (Role.S_INHIBITION, 0.33, 0.47),
    (18, 8): (Role.S_INHIBITION, 0.15, 0.24),
    (11, 3): (Role.INDUCTION, 0.09, 0.13),
    (7, 2): (Role.DUPLICATE_TOKEN, 0.06, 0.10),
    (3, 5): (Role.PREVIOUS_TOKEN, 0.04, 0.05),
    (22, 3): (Role.COPY_SUPPRESSION, 0.035, 0.03),
    (23, 6): (UNDECIDED, 0.12, 0.03),
    (15, 1): (UNDECIDED, 0.07, 0.09),
}
NOTHING = ("no role", 0.0, 0.0)

# Criterion, comparison, threshold, and the value of the heads with the role.
CRITERIA = {
    Role.NAME_MOVER: [
        ("attention.END.IO", ">=", 0.3, 0.62),
        ("copy_score", ">=", 0.5, 0.87),
        ("direct_effect", ">=", 0.02, 1.3),
    ],
    Role.NEGATIVE_NAME_MOVER: [
        ("attention.END.IO", ">=", 0.3, 0.55),
        ("negative_copy_score", ">=", 0.5, 0.87),
        ("direct_effect", "<=", -0.02, -0.8),
    ],
    Role.COPY_SUPPRESSION: [
        ("attention.END.S1", ">=", 0.3, 0.48),
        ("negative_copy_score", ">=", 0.5, 0.87),
    ],
    Role.S_INHIBITION: [
        ("stage.name_mover_queries", "effect >=", 0.02, 0.34),
        ("attention.END.S2", ">=", 0.3, 0.58),
    ],
    Role.DUPLICATE_TOKEN: [
        ("stage.s_inhibition_values", "effect >=", 0.02, 0.05),
        ("attention.S2.S1", ">=", 0.3, 0.66),
        ("duplicate_token_score", ">=", 0.3, 0.87),
    ],
    Role.INDUCTION: [
        ("stage.s_inhibition_values", "effect >=", 0.02, 0.08),
        ("attention.S2.S1+1", ">=", 0.3, 0.71),
        ("induction_score", ">=", 0.3, 0.87),
    ],
    Role.PREVIOUS_TOKEN: [
        ("stage.induction_keys", "effect >=", 0.02, 0.06),
        ("attention.S1+1.S1", ">=", 0.3, 0.83),
        ("previous_token_score", ">=", 0.3, 0.87),
    ],
}
WITHOUT_CRITERION = ("effect.denoising.output", "induction_score.25x4")

# Effects along paths, after the knock-out, and of signals; all others are near 0.
ALONG_PATHS = {
    "path.logits": {(24, 4): 0.31, (21, 7): 0.17, (26, 1): -0.12, (22, 3): 0.06},
    "path.name_mover_queries": {(20, 0): 0.21, (18, 8): 0.08},
    "path.s_inhibition_values": {(11, 3): 0.07, (7, 2): 0.04},
    "path.induction_keys": {(3, 5): 0.05},
    "knocked_out.effect": {(23, 6): 0.09, (20, 0): 0.2},
    "knocked_out.interaction": {(23, 6): 0.07},
    "signal.position": {(20, 0): 0.18, (18, 8): 0.06},
    "signal.token": {(20, 0): 0.02, (18, 8): 0.01},
}

# Stage -> receivers, and corruption, direction and label of its two questions with the
# effect of the candidates (those with the role that requires it) together, and the sum
# of what each does alone.
GROUPS = {
    "stage.name_mover_queries": (
        "L21H7+L24H4",
        [
            ("s2_io_flip", "denoising", "additive", 0.71, 0.68),
            ("abc", "noising", "redundant", 0.64, 0.12),
        ],
    ),
    "stage.s_inhibition_values": (
        "L18H8+L20H0",
        [
            ("s2_io_flip", "denoising", "additive", 0.14, 0.13),
            ("abc", "noising", "additive", 0.11, 0.11),
        ],
    ),
    "stage.induction_keys": (
        "L11H3",
        [
            ("s2_io_flip", "denoising", "no effect", 0.01, 0.01),
            ("abc", "noising", "additive", 0.05, 0.05),
        ],
    ),
}

# How the heads of a stage were patched when they showed the effect on it.
QUESTION = ("abc", "noising", "", "share of the group")


def candidates(stage: str) -> list[tuple[int, int]]:
    """The heads that were asked at a stage: those with a role that requires it."""
    return sorted(
        head
        for head, (role, *_) in PLANTED.items()
        if stage in [name for name, *_ in CRITERIA.get(role, [])]
    )


def planted(head: tuple[int, int]) -> tuple[str, float, float]:
    """A head's role, and its effect in denoising and in noising."""
    return PLANTED.get(head, NOTHING)


def synthetic_roles(*shape: int) -> pd.DataFrame:
    """roles.csv: the planted heads' roles, undecided ones with what they lack."""
    rows = []
    for head in np.ndindex(shape or SHAPE):
        role, effect, _ = planted(head)
        missing = "attention.END.IO; copy_score" if role == UNDECIDED else ""
        probability = 0.9 if has_role(role) else np.nan
        staged = any(n.startswith("stage.") for n, *_ in CRITERIA.get(role, []))
        row = (*head, role, int(abs(effect) > 0.05), missing, probability)
        rows.append((*row, "role" if staged else ""))
    columns = "layer head role important missing probability receivers"
    return made("roles", columns, rows)


def synthetic_evidence(seed: int = 2) -> pd.DataFrame:
    """evidence.csv: what was measured of every head, and effects along paths.

    Effects on a stage are those of its candidates alone.
    """
    rng = np.random.default_rng(seed)
    names = dict.fromkeys(name for rows in CRITERIA.values() for name, *_ in rows)
    unasked = ("",) * len(QUESTION)
    rows = []
    for head in np.ndindex(SHAPE):
        own = {name: value for name, *_, value in CRITERIA.get(planted(head)[0], [])}
        for name in (*WITHOUT_CRITERION, *names):
            of_stage = name.startswith("stage.")
            value = own.get(name, np.nan if of_stage else rng.uniform(0, 0.1))
            important = int(of_stage and name in own)
            asked = QUESTION if important else unasked
            interval = (value - 0.03, value + 0.03)
            rows.append((*head, name, value, important, *interval, *asked))
    for name, heads in ALONG_PATHS.items():
        for head in np.ndindex(SHAPE):
            # Signals are measured of S-inhibition heads only.
            near_0 = np.nan if name.startswith("signal.") else rng.normal(0, 0.002)
            value = heads.get(head, near_0)
            important = int(head in heads)
            interval = (value - 0.01, value + 0.01)
            rows.append((*head, name, value, important, *interval, *unasked))
    columns = "layer head criterion value important ci_low ci_high"
    columns += " corruption direction silenced patched"
    return made("evidence", columns, rows, n=120)


def synthetic_role_criteria() -> pd.DataFrame:
    """role_criteria.csv: every criterion of every role for every head."""
    criteria = pd.DataFrame(
        [
            (role, name, comparison, threshold)
            for role, rows in CRITERIA.items()
            for name, comparison, threshold, _ in rows
        ],
        columns=["role", "criterion", "comparison", "threshold"],
    )
    table = criteria.reset_index().merge(synthetic_evidence(), on="criterion")
    table = table.sort_values([*HEAD, "index"], kind="stable")
    above = table["value"] >= table["threshold"]
    met = above.where(table["comparison"] != "<=", ~above)
    table = table.assign(verdict=met.astype(int))
    return made("role_criteria", "", table, bound=table["threshold"])


def synthetic_role_stability() -> pd.DataFrame:
    """role_stability.csv: from 0.7 for the first role to 0.95 for all together."""
    names = [*CRITERIA, Role.BACKUP_NAME_MOVER, POOLED]
    rows = list(zip(names, np.linspace(0.7, 0.95, len(names)), strict=True))
    return made("role_stability", "role jaccard", rows, n_resamples=200, left_over=0.1)


def synthetic_head_groups() -> pd.DataFrame:
    """groups.csv: S-inhibition heads are redundant, the others add up."""
    rows = []
    for stage, (receivers, answers) in GROUPS.items():
        heads = [head_name(*head) for head in candidates(stage)]
        for *question, label, joint, alone in answers:
            matters = int(label != "no effect")
            about = (stage, receivers, *question, "+".join(heads), len(heads))
            effects = (joint, joint - 0.1, joint + 0.1, alone, alone - 0.05)
            said = (alone + 0.05, matters, label, 0.97 if matters else np.nan)
            rows.append((*about, *effects, *said))
    columns = "stage receivers corruption direction heads n_heads joint joint_low"
    columns += " joint_high alone alone_low alone_high matters label probability"
    return made("head_groups", columns, rows, found=1, random_largest=0.01)


def synthetic_group_members() -> pd.DataFrame:
    """group_members.csv: all candidates of a stage do the same."""
    rows = []
    for stage, (_, answers) in GROUPS.items():
        heads = candidates(stage)
        for *question, _, joint, alone in answers:
            shares = (alone / len(heads), joint - alone, joint / len(heads))
            intervals = [(value, value - 0.05, value + 0.05) for value in shares]
            rows += [(stage, *question, *head, *sum(intervals, ())) for head in heads]
    columns = "stage corruption direction layer head alone alone_low alone_high"
    columns += " given_back given_back_low given_back_high share share_low share_high"
    return made("group_members", columns, rows)


def synthetic_attention_examples(n_tokens: int = 18) -> pd.DataFrame:
    """attention_examples.csv: heads that attend one, two and three tokens back."""
    rows = [
        (
            *(10 + back, back, role, query, key),
            *(f" word{query}", f" word{key}", float(key == max(0, query - back))),
            "END" if query == n_tokens - 1 else "",
        )
        for back, role in enumerate((Role.NAME_MOVER, Role.INDUCTION, UNDECIDED), 1)
        for query in range(n_tokens)
        for key in range(query + 1)
    ]
    columns = "layer head role query_pos key_pos query_token key_token attention"
    return made("attention_examples", f"{columns} position", rows)
