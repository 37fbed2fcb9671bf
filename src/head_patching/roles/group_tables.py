"""The tables of groups of heads, and of their members, from what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from head_patching.files.register import columns
from head_patching.patching.effects import ratio_of_means
from head_patching.statistics import Statistics, group_sums, resampled_group_counts
from head_patching.terms import EACH_SUFFICIENT, REDUNDANT, heads_named

# How the effects of single members and the joint effect relate: by direction, the label
# where single effects are much less than the joint effect, about as much, much more.
LABELS = {
    "noising": (REDUNDANT, "additive", "each necessary"),
    "denoising": ("sufficient together", "additive", EACH_SUFFICIENT),
}
NO_EFFECT = "no effect"
TEXTS = ("stage", "receivers", "corruption", "direction", "silenced")
PARTS = ("alone", "given_back", "share")


@dataclass(frozen=True)
class Labels:
    """From where on single effects say something else than the joint effect.

    Parameters
    ----------
    less, more
        Sum of single effects as a part of the joint effect: at most `less`, the members
        stand for one another; at least `more`, each one counts for the whole.
    """

    less: float
    more: float

    def of(self, direction: str, part: float) -> str:
        """The label of a group whose single effects sum to this part of the joint."""
        low, middle, high = LABELS[direction]
        if part <= self.less:
            return low
        return high if part >= self.more else middle


def group_tables(
    answers: xr.Dataset, labels: Labels, statistics: Statistics
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The groups, and their members, of every stage and question.

    Returns
    -------
    groups
        Columns: stage, receivers (heads), found (1: they have the role of the stage; 0:
        they are candidates), corruption, direction, silenced, heads, n_heads, joint
        with its interval, alone (the sum of the single effects) with its interval,
        random_largest (of the random groups; empty where none was needed), matters,
        label and its probability over resamples of templates.
    members
        Columns: stage, corruption, direction, silenced, layer, head, and of each part
        (alone, given_back, share) its value and interval.
    """
    groups, members = [], []
    for number in range(answers.sizes["answer"]):
        one = answers.isel(answer=number)
        texts = {name: str(one[name].values) for name in TEXTS}
        names = [name for name in one["heads"].values.tolist() if name]
        templates, scale = one["template"].values, one["scale"].values
        parts = one["members"].values[:, : len(names)]  # [part member pair]
        alone = parts[0].sum(axis=0)
        untested = np.zeros(2, dtype=bool)
        both = np.stack((one["joint"].values, alone))
        found = ratio_of_means(both, scale, templates, untested, statistics)
        random = one["random"].values
        random = random[np.isfinite(random).all(axis=1)]
        matters = bool(np.isfinite(parts[1]).all())
        label, probability = NO_EFFECT, np.nan
        if matters:
            label = labels.of(texts["direction"], found.value[1] / found.value[0])
            probability = share_of_draws(both, templates, texts, labels, statistics)
        groups.append(
            texts
            | {"found": int(one["found"]), "heads": "+".join(names)}
            | {"n_heads": len(names)}
            | interval_of(found, 0, "joint")
            | interval_of(found, 1, "alone")
            | {
                "random_largest": np.abs(random.mean(axis=1)).max() / scale.mean()
                if len(random)
                else np.nan,
                "matters": int(matters),
                "label": label,
                "probability": probability,
            }
        )
        members += members_of(texts, names, parts, scale, templates, statistics)
    return (
        pd.DataFrame(groups, columns=columns("head_groups")),
        pd.DataFrame(members, columns=columns("group_members")),
    )


def interval_of(found, number: int, name: str) -> dict[str, float]:
    """A value with the ends of its interval, by name."""
    return {
        name: found.value[number],
        f"{name}_low": found.ci_low[number],
        f"{name}_high": found.ci_high[number],
    }


def share_of_draws(
    both: Float[np.ndarray, "joint_and_alone pair"],
    templates: np.ndarray,
    texts: Mapping[str, str],
    labels: Labels,
    statistics: Statistics,
) -> float:
    """How often resampled templates give the group the same label."""
    by_template = np.unique(templates, return_inverse=True)[1]
    sums = group_sums(both, by_template)  # [joint_and_alone template]
    counts = resampled_group_counts(
        sums.shape[1], statistics.n_resamples, statistics.seed
    )
    joint, alone = sums @ counts.T  # [resample]
    label = labels.of(texts["direction"], both[1].mean() / both[0].mean())
    same = [
        labels.of(texts["direction"], part) == label
        for part in np.divide(alone, joint, out=np.zeros_like(alone), where=joint != 0)
    ]
    return float(np.mean(same))


def members_of(
    texts: Mapping[str, str],
    names: Sequence[str],
    parts: Float[np.ndarray, "part member pair"],
    scale: Float[np.ndarray, " pair"],
    templates: np.ndarray,
    statistics: Statistics,
) -> list[dict[str, object]]:
    """One row for each member of a group."""
    untested = np.zeros(parts.shape[:2], dtype=bool)
    found = ratio_of_means(parts, scale, templates, untested, statistics)
    rows = []
    for member, (layer, head) in enumerate(heads_named("+".join(names))):
        row = {key: texts[key] for key in TEXTS if key != "receivers"}
        row |= {"layer": layer, "head": head}
        for part, of_part in enumerate(PARTS):
            row |= interval_of(found, (part, member), of_part)
        rows.append(row)
    return rows
