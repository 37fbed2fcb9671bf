"""Agreement of the roles found by measurement with a published list.

For comparison only: a list states what its authors found on their prompts, by their
methods, in one model. Precision and recall take the list as the truth; Cohen's kappa is
symmetric and corrects for chance (Cohen 1960, doi 10.1177/001316446002000104).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from head_patching.statistics import Statistics
from head_patching.terms import HEAD, POOLED, head_name

Heads = Sequence[tuple[int, int]]


def agreement(
    roles: pd.DataFrame,
    published: Mapping[str, Heads],
    statistics: Statistics,
) -> pd.DataFrame:
    """One row per published role, and one for all of them.

    Columns: role, published, found, both, precision, recall, kappa, kappa_low,
    kappa_high. Precision and recall are NaN where there is no head to count.

    Parameters
    ----------
    roles
        Rows of `roles.csv`.
    published
        The published heads (layer, head) of each role.
    statistics
        Of the bootstrap over heads, which gives the interval of kappa.

    Raises
    ------
    ValueError
        When a published head is not among those classified: the list belongs to
        another model.
    """
    heads = sorted(set(zip(roles["layer"], roles["head"], strict=True)))
    listed = membership(heads, published)
    found = membership(heads, heads_by_role(roles, published))
    draws = np.random.default_rng(statistics.seed).integers(
        len(heads), size=(statistics.n_resamples, len(heads))
    )
    rows = [
        compare(role, listed[:, [number]], found[:, [number]], draws, statistics.level)
        for number, role in enumerate(published)
    ]
    rows.append(compare(POOLED, listed, found, draws, statistics.level))
    return pd.DataFrame(rows)


def disagreements(
    roles: pd.DataFrame, role_criteria: pd.DataFrame, published: Mapping[str, Heads]
) -> pd.DataFrame:
    """Every head that has a role on one side only, with the evidence for that role.

    Columns: layer, head, role, side (`published` or `measured`), and of every criterion
    of the role: criterion, value, ci_low, ci_high, comparison, threshold, verdict.
    """
    found = heads_by_role(roles, published)
    rows = []
    for role, heads in published.items():
        sides = {
            "published": set(heads) - set(found[role]),
            "measured": set(found[role]) - set(heads),
        }
        for side, only in sides.items():
            rows += [(*head, role, side) for head in sorted(only)]
    table = pd.DataFrame(rows, columns=[*HEAD, "role", "side"])
    return table.merge(role_criteria, "left", [*HEAD, "role"])


def heads_by_role(
    roles: pd.DataFrame, published: Mapping[str, Heads]
) -> dict[str, list[tuple[int, int]]]:
    """The heads found to have each of the published roles."""
    found: dict[str, list[tuple[int, int]]] = {role: [] for role in published}
    for row in roles.itertuples():
        if row.role in found:
            found[row.role].append((row.layer, row.head))
    return found


def membership(
    heads: Heads, by_role: Mapping[str, Heads]
) -> Bool[np.ndarray, "head role"]:
    """Which head has which role."""
    known = set(heads)
    for role, members in by_role.items():
        for layer, head in members:
            if (layer, head) not in known:
                raise ValueError(
                    f"{head_name(layer, head)}, a published {role}, is not in this "
                    "model: the list belongs to another one"
                )
    return np.array(
        [[head in set(members) for members in by_role.values()] for head in heads]
    )


def compare(
    role: str,
    listed: Bool[np.ndarray, "head role"],
    found: Bool[np.ndarray, "head role"],
    draws: np.ndarray,
    level: float,
) -> dict[str, object]:
    """Counts, precision, recall and kappa over all (head, role) cells.

    Parameters
    ----------
    role
        Name of the row.
    listed, found
        Which head has which role, by the list and by measurement.
    draws
        Indices of the heads in each resample, of shape [resample, head].
    level
        Coverage of the interval, between 0 and 1.
    """
    both = int((listed & found).sum())
    resampled = kappa(listed[draws], found[draws])
    low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return {
        "role": role,
        "published": int(listed.sum()),
        "found": int(found.sum()),
        "both": both,
        "precision": both / found.sum() if found.any() else np.nan,
        "recall": both / listed.sum() if listed.any() else np.nan,
        "kappa": float(kappa(listed[None], found[None])[0]),
        "kappa_low": float(low),
        "kappa_high": float(high),
    }


def kappa(
    one: Bool[np.ndarray, "sample head role"],
    other: Bool[np.ndarray, "sample head role"],
) -> Float[np.ndarray, " sample"]:
    """Cohen's kappa over all cells of each sample; NaN where chance alone agrees."""
    first, second = (each.reshape(len(each), -1) for each in (one, other))
    observed = (first == second).mean(axis=1)
    p, q = first.mean(axis=1), second.mean(axis=1)
    chance = p * q + (1 - p) * (1 - q)
    unclear = np.full_like(observed, np.nan)
    return np.divide(observed - chance, 1 - chance, out=unclear, where=chance < 1)
