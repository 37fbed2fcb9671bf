"""Tables of what the weights say, and how well it agrees with patching."""

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.role_tables import MOST_WITH_ROLE
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    head_name,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.tabular import (
    cell,
    interval_cell,
    number_column,
    p_cell,
    tabular,
)

# Roles that are compared with the weights, as in `roles/inspection/agreement.py`.
ROLES = ("induction", "previous token")

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

# What the table of heads shows, by its headings.
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


def weights_table(results: Results, most: int = MOST_WITH_ROLE) -> str:
    """Each criterion of the heads with a role, and its rank among all heads.

    One line with the embedding as it is and one behind the first MLP. Roles in circuit
    order; within a role by |denoising effect|, layer, head. At most `most` heads; the
    weakest are left out.
    """
    values = results.weights.pivot(index=HEAD, columns="criterion", values="value")
    ranks = values.rank(ascending=False, method="min")
    by_head, rows = results.roles_by_head(), []
    for strength, head in enumerate(results.heads_by_strength()):
        for place, role in enumerate(ROLES):
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
    """A value and, in brackets, how many heads are at least as high up."""
    if value is None or rank is None or pd.isna(value):
        return MISSING
    return f"{math_mode(format_number(value, 2))} ({int(rank)})"


def weight_agreement_table(results: Results) -> str:
    """How each criterion ranks the heads; by role, then in the order of the file.

    The same criterion behind the first MLP follows it, indented.
    """
    rows, agreement = [], results.weight_agreement
    for role in dict.fromkeys(agreement["role"]):
        for number, row in enumerate(agreement.query("role == @role").itertuples()):
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
    spearman = number_column(agreement["spearman"], 2, sign=True)
    auc = number_column(agreement["auc"], 2, sign=False)
    return tabular(table, rf"@{{}}ll{spearman}@{{\hspace{{0.4em}}}}l{auc}rr@{{}}")
