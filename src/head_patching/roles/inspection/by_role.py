"""Scores from the weights, compared with the roles and effects of a task.

Each role has scores from `weights.csv` in which its heads should be high, and an effect
by which patching finds these heads. Where a role has no heads, what cannot be computed
is NaN.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from head_patching.roles.inspection.causal import (
    area_permutation_test,
    area_under_roc,
    known_in_both,
    pair_permutation_test,
    rank_correlation,
    roc_curve,
)
from head_patching.roles.inspection.edges import PAIR, THRESHOLD, edges
from head_patching.statistics import Statistics
from head_patching.terms import HEAD, HEAD_INPUTS, NO_ROLE, Role

# Role -> the effect by which patching finds its heads, and their scores from weights.
SCORES: Mapping[Role, tuple[str, tuple[str, ...]]] = {
    Role.INDUCTION: (
        "path.logits",
        (
            "ov_copying",
            "ov_positive_share",
            "ov_copy_words",
            "qk_same_token",
            "qk_induction",
        ),
    ),
    Role.PREVIOUS_TOKEN: ("path.induction_keys", ("qk_previous_token",)),
}
PAIR_KINDS = ("k", "match", "match.mlp")

Scores = Float[np.ndarray, "layer head"]
InRole = Bool[np.ndarray, "layer head"]


def weight_ranking(
    weights: pd.DataFrame,
    evidence: pd.DataFrame,
    roles: pd.DataFrame,
    statistics: Statistics,
) -> pd.DataFrame:
    """One row per role and score: how well the score ranks the heads.

    Columns: role, criterion (the score), effect, spearman (correlation of score and
    effect over all heads) with its interval, auc (area under the ROC curve, heads of
    the role against all others) with its p_value, n_in_role and n_heads (heads with a
    value of the score: those with the role, and all).

    Parameters
    ----------
    weights, evidence, roles
        Rows of `weights.csv`, `evidence.csv` and `roles.csv`.
    statistics
        Of the bootstrap over heads, and of as many permutations within layers.
    """
    rows = []
    for role, effect, criterion in measured_scores(weights):
        scores = by_head(weights, criterion, roles)
        effects = by_head(evidence, effect, roles)
        inside = heads_with(roles, role)
        known = np.isfinite(scores)
        row = {"role": role, "criterion": criterion, "effect": effect}
        row |= correlation(scores, effects, statistics)
        row |= {"auc": np.nan, "p_value": np.nan}
        if has_both_sides(scores, inside):
            row["auc"] = area_under_roc(scores.ravel(), inside.ravel())
            row["p_value"] = area_permutation_test(
                scores, inside, statistics.n_resamples, statistics.seed
            )
        row |= {
            "n_in_role": int((inside & known).sum()),
            "n_heads": int(known.sum()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def correlation(
    scores: Scores, effects: Scores, statistics: Statistics
) -> dict[str, float]:
    """Spearman's correlation and interval; NaN where one side does not vary.

    Parameters
    ----------
    scores, effects
        One value per head on each side; NaN where it was not measured.
    statistics
        Of the bootstrap over heads.
    """
    names = ("spearman", "ci_low", "ci_high")
    both = np.isfinite(scores) & np.isfinite(effects)
    if both.sum() < 2 or min(np.ptp(scores[both]), np.ptp(effects[both])) == 0:
        return dict.fromkeys(names, np.nan)
    x, y = known_in_both(scores.ravel(), effects.ravel())
    found = rank_correlation(
        x, y, statistics.n_resamples, statistics.seed, statistics.level
    )
    return dict(zip(names, found, strict=True))


def weight_roc(weights: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """The ROC curve of each score, for roles that some heads have and others not."""
    curves = []
    for role, _, criterion in measured_scores(weights):
        scores, inside = by_head(weights, criterion, roles), heads_with(roles, role)
        if has_both_sides(scores, inside):
            false_positive, true_positive = roc_curve(scores.ravel(), inside.ravel())
            names = {"role": role, "criterion": criterion}
            rates = {"false_positive": false_positive, "true_positive": true_positive}
            curves.append(pd.DataFrame(names | rates))
    columns = ["role", "criterion", "false_positive", "true_positive"]
    return pd.concat(curves) if curves else pd.DataFrame(columns=columns)


def weight_pairs(
    composition: pd.DataFrame, roles: pd.DataFrame, n_permutations: int, seed: int
) -> pd.DataFrame:
    """Do previous-token heads compose with induction heads more than other pairs do?

    One row per kind of `composition.csv`: difference and p_value of
    `causal.pair_permutation_test`, NaN without such a pair, and n_pairs.
    """
    earlier, later = (
        heads_with(roles, role) for role in (Role.PREVIOUS_TOKEN, Role.INDUCTION)
    )
    in_order = np.arange(len(earlier))[:, None] < np.arange(len(earlier))
    n_pairs = int(earlier.sum(axis=1) @ in_order @ later.sum(axis=1))
    n_possible = int(in_order.sum()) * earlier.shape[1] ** 2
    rows = []
    for kind in PAIR_KINDS:
        found = np.nan, np.nan
        if 0 < n_pairs < n_possible:
            value = by_pair(composition, kind, earlier.shape)
            found = pair_permutation_test(value, earlier, later, n_permutations, seed)
        rows.append((kind, *found, n_pairs))
    return pd.DataFrame(rows, columns=["kind", "difference", "p_value", "n_pairs"])


def composition_edges(
    composition: pd.DataFrame, roles: pd.DataFrame, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """The edges (see `edges`) with both heads' roles, highest z first."""
    kinds = composition[composition["kind"].isin(HEAD_INPUTS)]
    found = edges(kinds, threshold)[["kind", *PAIR, "value", "baseline", "z"]]
    named = roles.groupby(HEAD)["role"].agg(", ".join)
    for column, head in (("role", HEAD), ("later_role", PAIR[2:])):
        keys = pd.MultiIndex.from_frame(found[head])
        found[column] = named.reindex(keys).fillna(NO_ROLE).to_numpy()
    return found


def measured_scores(weights: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Role, effect and score, also behind the first MLP, of those measured."""
    measured = set(weights["criterion"])
    for role, (effect, criteria) in SCORES.items():
        for criterion in criteria:
            for name in (criterion, f"{criterion}.mlp"):
                if name in measured:
                    yield str(role), effect, name


def by_head(table: pd.DataFrame, criterion: str, roles: pd.DataFrame) -> Scores:
    """A criterion's value of every head in `roles`; NaN where it was not measured."""
    values = np.full(shape_of(roles), np.nan)
    rows = table[table["criterion"] == criterion]
    values[rows["layer"], rows["head"]] = rows["value"]
    return values


def by_pair(
    composition: pd.DataFrame, kind: str, shape: tuple[int, int]
) -> Float[np.ndarray, "layer head later_layer later_head"]:
    """The values of one kind; 0 where the second head is not in a later layer."""
    values = np.zeros((*shape, *shape))
    rows = composition[composition["kind"] == kind]
    values[tuple(rows[name] for name in PAIR)] = rows["value"]
    return values


def heads_with(roles: pd.DataFrame, role: str) -> InRole:
    """Which heads have the role."""
    inside = np.zeros(shape_of(roles), dtype=bool)
    rows = roles[roles["role"] == role]
    inside[rows["layer"], rows["head"]] = True
    return inside


def shape_of(roles: pd.DataFrame) -> tuple[int, int]:
    """Numbers of layers and heads: every head has a row."""
    return int(roles["layer"].max()) + 1, int(roles["head"].max()) + 1


def has_both_sides(scores: Scores, inside: InRole) -> bool:
    """Whether some of the heads with a score are in the set and others are not."""
    known = inside[np.isfinite(scores)]
    return bool(known.any() and not known.all())
