"""How stable a role is: how often it survives a bootstrap over templates.

A role's probability is the fraction of resamples (`roles.draws`) in which the head has
it. The mean pairwise Jaccard index of the role sets measures their stability (Meloux et
al. 2025, arXiv 2510.00845, require 0.8 from at least 100 resamples). Each resample
traces paths with the receivers that it finds itself (`roles.retrace`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool

from head_patching.roles.criteria import Criterion
from head_patching.roles.retrace import LeftOver
from head_patching.roles.stages import stage_of
from head_patching.terms import CANDIDATES, HEAD, POOLED, WITH_ROLE


def probabilities(
    has: Bool[np.ndarray, "resample layer head role"], roles: Sequence[str]
) -> pd.DataFrame:
    """Columns layer, head, role, probability: one row per head and role."""
    probability = has.mean(axis=0)  # [layer head role]
    layers, heads = map(range, probability.shape[:2])
    index = pd.MultiIndex.from_product([layers, heads, roles], names=[*HEAD, "role"])
    return pd.Series(probability.ravel(), index, name="probability").reset_index()


def unjudged(
    criteria: Sequence[Criterion], left_over: Sequence[LeftOver]
) -> dict[str, float]:
    """For each role the share of resamples in which its paths were not traced."""
    shares = {
        name: each.n_left_over / each.n_draws
        for each in left_over
        for name in (stage_of(each.criterion), each.criterion)
    }
    found: dict[str, float] = {}
    for row in criteria:
        share = shares.get(row.criterion, shares.get(row.criterion.split(".")[0], 0.0))
        found[row.role] = max(found.get(row.role, 0.0), share)
    return found


def receivers(
    roles: pd.Series, criteria: Sequence[Criterion], groups: pd.DataFrame
) -> list[str]:
    """By what the receivers of each role's paths were chosen.

    `role`: they were found to have theirs. `candidates`: nobody was, so that heads with
    the attention of that role were taken. Empty for roles without such paths.
    """
    found = groups.groupby("stage")["found"].min() if len(groups) else {}
    stages = {
        row.role: row.criterion
        for row in criteria
        if row.criterion.startswith("stage.")
    }
    words = {0: CANDIDATES, 1: WITH_ROLE}
    return [words.get(found.get(stages.get(role)), "") for role in roles]


def stability(
    has: Bool[np.ndarray, "resample layer head role"],
    roles: Sequence[str],
    unjudged: Mapping[str, float],
) -> pd.DataFrame:
    """How alike the heads of each role, and of all roles, are between resamples.

    Columns role, jaccard, n_resamples, left_over (the share of resamples in which the
    role could not be found, since their receivers were not measured).
    """
    n_heads = has.shape[1] * has.shape[2]
    flat = has.reshape(len(has), n_heads, len(roles))
    rows = [
        (role, mean_jaccard(flat[..., number]), len(has), unjudged.get(role, 0.0))
        for number, role in enumerate(roles)
    ]
    whole = flat.reshape(len(has), n_heads * len(roles))
    most = max(unjudged.values(), default=0.0)
    rows.append((POOLED, mean_jaccard(whole), len(has), most))
    columns = ["role", "jaccard", "n_resamples", "left_over"]
    return pd.DataFrame(rows, columns=columns)


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
