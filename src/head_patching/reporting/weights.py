"""Scores of heads from the weights alone, and how well they agree with patching."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.composition import (
    PAIR_KINDS,
    edge_numbers,
    pair_numbers,
    reported_numbers,
)
from head_patching.reporting.criteria import MOST_WITH_ROLE
from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import (
    Numbers,
    effect_text,
    flag,
    interval_text,
    p_numbers,
    slug,
)
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    math_mode,
)
from head_patching.reporting.select import heads_by_strength, roles_by_head
from head_patching.reporting.tabular import (
    INTERVAL,
    cell,
    interval_cell,
    number_column,
    p_cell,
    tabular,
)
from head_patching.terms import HEAD, Role, head_name

# Roles whose heads have scores from the weights, as in `roles/inspection/by_role.py`.
WEIGHED = (Role.INDUCTION, Role.PREVIOUS_TOKEN)

# Criteria of weights.csv in the words of the text.
NAMES = {
    "ov_copying": "copying (OV)",
    "ov_positive_share": "positive eigenvalues (OV)",
    "ov_copy_words": "copied words (OV)",
    "qk_same_token": "same token (QK)",
    "qk_previous_token": "previous token (QK)",
    "qk_induction": "match through an earlier head (QK)",
}
BEHIND_MLP = ".mlp"
EMBEDDINGS = {"": "as it is", BEHIND_MLP: "first MLP"}

# Criteria in the table of heads, with their headings.
SHOWN = {
    "ov_copying": "Copying",
    "ov_copy_words": "Copied words",
    "qk_same_token": "Same token",
    "qk_previous_token": "Previous token",
    "qk_induction": "Match",
}


def weight_name(criterion: str) -> str:
    """A criterion of the weights in the words of the text.

    Examples
    --------
    >>> weight_name("qk_same_token"), weight_name("ov_copying.mlp")
    ('same token (QK)', 'copying (OV), behind the first MLP')
    """
    plain = criterion.removesuffix(BEHIND_MLP)
    behind = "" if plain == criterion else ", behind the first MLP"
    return NAMES.get(plain, plain.replace("_", " ")) + behind


@numbers
def weight_numbers(
    weights: pd.DataFrame,
    weight_agreement: pd.DataFrame,
    weight_pairs: pd.DataFrame,
    composition_edges: pd.DataFrame,
    published_heads: pd.DataFrame,
    roles: pd.DataFrame,
    model: Mapping[str, Any],
) -> Numbers:
    """Agreement by role, pairs and edges of composition, and heads that others report.

    Parameters
    ----------
    weights, model
        The scores of all heads, and the model's shape.
    weight_agreement, weight_pairs, composition_edges, roles
        Of one task: how the scores rank its heads, pairs of heads, and heads' roles.
    published_heads
        Induction heads that others report for the model.
    """
    by_distance = weights["criterion"].str.match(r"qk_same_token\.\d")
    found = {"weights/by-distance": flag(by_distance.any())}
    for role in WEIGHED:
        rows = weight_agreement[weight_agreement["role"] == role]
        found |= ranking_numbers(f"weights/{slug(role)}", rows)
    for kind in PAIR_KINDS:
        found |= pair_numbers(weight_pairs, kind)
    found |= edge_numbers(composition_edges, model)
    return found | reported_numbers(published_heads, roles, weights)


def ranking_numbers(key: str, rows: pd.DataFrame) -> Numbers:
    """The criteria that separate a role's heads best and worst from all others.

    By the area under the ROC curve; of equal ones the first. Then the criterion
    that ranks all heads most as their effects do.
    """
    areas, correlations = rows.dropna(subset="auc"), rows.dropna(subset="spearman")
    found = {
        f"{key}/n-criteria": str(len(rows)),
        f"{key}/has-area": flag(not areas.empty),
        f"{key}/has-correlation": flag(not correlations.empty),
        f"{key}/some-below-chance": flag((areas["auc"] < 0.5).any()),
    }
    by_area = areas.sort_values("auc", ascending=False, kind="stable")
    by_rank = correlations.sort_values("spearman", ascending=False, kind="stable")
    for name, chosen in (
        ("best", by_area.head(1)),
        ("worst", by_area.tail(1)),
        ("nearest", by_rank.head(1)),
    ):
        row = chosen.iloc[0] if len(chosen) else None
        found |= criterion_numbers(f"{key}/{name}", row)
    return found


def criterion_numbers(key: str, row: pd.Series | None) -> Numbers:
    """One row of weight_agreement.csv; dashes without a row."""
    if row is None:
        names = ("name", "auc", "spearman", "interval", "n-in-role", "n-heads")
        dashes = {f"{key}/{name}": MISSING for name in names}
        return dashes | {f"{key}/correlated": flag(False)} | p_numbers(key, math.nan)
    return {
        f"{key}/name": weight_name(row["criterion"]),
        f"{key}/auc": format_number(row["auc"], 2),
        f"{key}/spearman": effect_text(row["spearman"]),
        f"{key}/interval": interval_text(row["ci_low"], row["ci_high"]),
        f"{key}/correlated": flag(row["ci_low"] > 0),
        f"{key}/n-in-role": str(int(row["n_in_role"])),
        f"{key}/n-heads": str(int(row["n_heads"])),
    } | p_numbers(key, row["p_value"])


@latex_table
def weights_table(
    weights: pd.DataFrame,
    effects: pd.DataFrame,
    roles: pd.DataFrame,
    most: int = MOST_WITH_ROLE,
) -> str:
    """Each criterion of the heads with a role, and its rank among all heads.

    One line with the embedding as it is and one behind the first MLP. Roles in circuit
    order; within a role by |denoising effect|, layer, head. At most `most` heads; the
    weakest are left out.
    """
    values = weights.pivot(index=HEAD, columns="criterion", values="value")
    ranks = values.rank(ascending=False, method="min")
    by_head, rows = roles_by_head(roles), []
    for strength, head in enumerate(heads_by_strength(effects)):
        for place, role in enumerate(WEIGHED):
            if role in by_head.get(head, []):
                rows.append((strength, place, role, head))
    lines = []
    for _, _, role, head in sorted(rows[:most], key=lambda row: (row[1], row[0])):
        for number, (suffix, embedding) in enumerate(EMBEDDINGS.items()):
            names = [escape(role), head_name(*head)] if number == 0 else ["", ""]
            cells = [
                ranked_cell(values[name].get(head), ranks[name].get(head))
                if (name := criterion + suffix) in values
                else MISSING
                for criterion in SHOWN
            ]
            lines.append([*names, embedding, *cells])
    lines = lines or [["none"] + [MISSING] * (2 + len(SHOWN))]
    table = pd.DataFrame(lines, columns=["Role", "Head", "Embedding", *SHOWN.values()])
    return tabular(table, f"@{{}}lll{'r' * len(SHOWN)}@{{}}")


def ranked_cell(value: float | None, rank: float | None) -> str:
    """A value and, in brackets, its rank: 1 is the highest."""
    if value is None or rank is None or pd.isna(value):
        return MISSING
    return f"{math_mode(format_number(value, 2))} ({int(rank)})"


@latex_table
def weight_agreement_table(weight_agreement: pd.DataFrame) -> str:
    """How each criterion ranks the heads; by role, then in the order of the file.

    A criterion behind the first MLP follows that of the embedding as it is, indented.
    """
    rows = []
    for role, of_role in weight_agreement.groupby("role", sort=False):
        for number, row in enumerate(of_role.itertuples()):
            rows.append(
                [
                    escape(role) if number == 0 else "",
                    r"\quad behind the first MLP"
                    if row.criterion.endswith(BEHIND_MLP)
                    else escape(weight_name(row.criterion)),
                    cell(row.spearman, 2, sign=True),
                    interval_cell(row.ci_low, row.ci_high, 2, sign=True),
                    cell(row.auc, 2),
                    p_cell(row.p_value),
                    str(row.n_heads),
                ]
            )
    names = ["Role", "Criterion", "Spearman", "interval", "AUC", "$p$", "Heads"]
    table = pd.DataFrame(rows, columns=names)
    spearman = number_column(weight_agreement["spearman"], 2, sign=True)
    auc = number_column(weight_agreement["auc"], 2, sign=False)
    return tabular(table, rf"@{{}}ll{spearman}{INTERVAL}{auc}rr@{{}}")
