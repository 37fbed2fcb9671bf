"""How stable a role is: how often it survives a bootstrap over templates.

Templates, and random sequences, are drawn with replacement; means, effects and their
tests (in their normal approximation) are computed again, and the heads are classified
again. A role's probability is the fraction of resamples in which the head has it. The
mean pairwise Jaccard index of the role sets measures their stability (Meloux et al.
2025, arXiv 2510.00845, require 0.8 from at least 100 resamples).

Receivers of paths stay those found on all prompts: probabilities are those of the last
step, given the steps before.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from head_patching.patching.effects import Importance
from head_patching.roles.classify import rows_of_roles
from head_patching.roles.criteria import Criterion, verdicts
from head_patching.roles.measured import KINDS, Measured
from head_patching.significance import benjamini_hochberg, sign_flip_p_normal
from head_patching.statistics import group_sums, resampled_group_counts
from head_patching.terms import HEAD, POOLED


def resampled_roles(
    measured: Sequence[Measured],
    criteria: Sequence[Criterion],
    importance: Importance,
    n_resamples: int,
    seed: int,
) -> Bool[np.ndarray, "resample layer head role"]:
    """Which heads have which role, roles as in the table, in every resample.

    Parameters
    ----------
    measured
        All measurements that the criteria name.
    criteria
        Rows of the criteria table.
    importance
        Its false-discovery rate is that of criteria on effects.
    n_resamples, seed
        Of the bootstrap over templates and sequences.
    """
    of_name = {each.criterion: each for each in measured}
    counts = {
        kind: _counts(measured, kind, n_resamples, seed + number)
        for number, kind in enumerate(KINDS)
    }
    of_groups = {
        name: sums_of_groups(of_name[name])
        for name in {row.criterion for row in criteria}
    }
    tested = {row.criterion for row in criteria if row.comparison.startswith("effect")}
    rows_of = list(rows_of_roles(criteria).values())
    shape = measured[0].values.shape[:2]
    has = np.empty((n_resamples, *shape, len(rows_of)), dtype=bool)
    for resample in range(n_resamples):
        values, q_values = {}, {}
        for name in of_groups:
            each, drawn = of_name[name], counts[of_name[name].kind][resample]
            values[name], q_values[name] = resampled_values(
                of_groups[name], drawn, each.tested & (name in tested)
            )
        met = [
            verdicts(
                values[row.criterion].ravel(), q_values[row.criterion].ravel(),
                row.comparison, row.threshold, importance.rate,
            )[0]
            for row in criteria
        ]  # fmt: skip
        for number, rows in enumerate(rows_of):
            of_role = np.all([met[row] for row in rows], axis=0)
            has[resample, ..., number] = of_role.reshape(shape)
    return has


def resampled_values(
    sums_of_groups: tuple[np.ndarray, np.ndarray],
    drawn: Float[np.ndarray, " group"],
    tested: Bool[np.ndarray, "layer head"],
) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
    """A criterion's values and q-values (1 where untested) in one resample."""
    sums, scales = sums_of_groups
    q_values = np.ones(tested.shape)
    if tested.any():
        groups = np.arange(len(drawn))
        p = sign_flip_p_normal(sums[tested], groups, drawn)
        q_values[tested] = benjamini_hochberg(p)
    return sums @ drawn / (scales @ drawn), q_values


def _counts(
    measured: Sequence[Measured], kind: str, n_resamples: int, seed: int
) -> Float[np.ndarray, "resample group"]:
    """How often each group of samples of a kind is drawn."""
    groups = next((each.groups for each in measured if each.kind == kind), [0])
    return resampled_group_counts(len(np.unique(groups)), n_resamples, seed)


def sums_of_groups(
    measured: Measured,
) -> tuple[Float[np.ndarray, "layer head group"], Float[np.ndarray, " group"]]:
    """Sums of values and scales over the samples of each group."""
    labels = np.unique(measured.groups, return_inverse=True)[1]
    return group_sums(measured.values, labels), group_sums(measured.scale, labels)


def probabilities(
    has: Bool[np.ndarray, "resample layer head role"], roles: Sequence[str]
) -> pd.DataFrame:
    """Columns layer, head, role, probability: one row per head and role."""
    probability = has.mean(axis=0)  # [layer head role]
    layers, heads = map(range, probability.shape[:2])
    index = pd.MultiIndex.from_product([layers, heads, roles], names=[*HEAD, "role"])
    return pd.Series(probability.ravel(), index, name="probability").reset_index()


def stability(
    has: Bool[np.ndarray, "resample layer head role"], roles: Sequence[str]
) -> pd.DataFrame:
    """Columns role, jaccard, n_resamples: of each role's heads, and of all roles."""
    n_heads = has.shape[1] * has.shape[2]
    flat = has.reshape(len(has), n_heads, len(roles))
    rows = [
        (role, mean_jaccard(flat[..., number]), len(has))
        for number, role in enumerate(roles)
    ]
    whole = flat.reshape(len(has), n_heads * len(roles))
    rows.append((POOLED, mean_jaccard(whole), len(has)))
    return pd.DataFrame(rows, columns=["role", "jaccard", "n_resamples"])


def mean_jaccard(sets: Bool[np.ndarray, "resample member"]) -> float:
    """Mean over all pairs of sets of |both| / |either|; two empty sets are equal.

    NaN when all are empty: nothing was found that could be stable.
    """
    if not sets.any():
        return np.nan
    members = sets.astype(np.float64)
    both = members @ members.T
    sizes = members.sum(axis=1)
    either = sizes[:, None] + sizes - both
    jaccard = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    pairs = np.triu_indices(len(sets), k=1)
    return float(jaccard[pairs].mean()) if len(sets) > 1 else 1.0
