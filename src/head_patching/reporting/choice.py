"""Which heads were taken apart, and what the others may do."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, flag, pairs_of
from head_patching.reporting.rounding import (
    MISSING,
    format_number,
    format_percent,
    math_mode,
)
from head_patching.statistics import proportion_interval
from head_patching.terms import HEAD, head_name

# Estimates, and effects of heads that were drawn at random, are small.
DIGITS = 4


@numbers
def choice_numbers(
    chosen_heads: pd.DataFrame, effects: pd.DataFrame, provenance: Mapping[str, Any]
) -> Numbers:
    """How many heads were chosen, for which reason, and how many were not.

    And how many of those with an important output have an estimate that would have
    chosen them, too.
    """
    settings = provenance["settings"]
    share = settings["chosen_heads.share_of_threshold"]
    n_heads = len(effects[HEAD].drop_duplicates())
    reasons = chosen_heads["reason"].value_counts()
    important = chosen_heads[chosen_heads["reason"] == "important"]
    by_estimate = important["estimate"] >= share * settings["importance.threshold"]
    lowest = important.sort_values(["estimate", *HEAD]).head(1)
    of_lowest = effects[effects["patch_type"] == "output"].merge(lowest[HEAD], on=HEAD)
    return {
        "chosen/n": str(len(chosen_heads)),
        "chosen/n-others": str(n_heads - len(chosen_heads)),
        "chosen/all": flag(len(chosen_heads) == n_heads),
        "chosen/n-important": str(reasons.get("important", 0)),
        "chosen/n-by-estimate": str(reasons.get("estimate", 0)),
        "chosen/n-random": str(reasons.get("random", 0)),
        "chosen/important/found": flag(len(important)),
        "chosen/n-important-by-estimate": str(by_estimate.sum()),
        "chosen/lowest-head": _named(lowest),
        "chosen/lowest-estimate": _shown(lowest["estimate"].max()),
        "chosen/lowest-effect": _shown(of_lowest["effect"].abs().max()),
    }


@numbers
def audit_numbers(audit: pd.DataFrame, provenance: Mapping[str, Any]) -> Numbers:
    """The heads drawn at random: their effects, and the errors of their estimates.

    They were chosen by nothing but chance, as if from the heads that were not patched.
    """
    settings = provenance["settings"]
    threshold = settings["importance.threshold"]
    largest = audit["effect"].abs().groupby([audit[name] for name in HEAD]).max()
    n_reaching = int((largest >= threshold).sum())
    _, most = proportion_interval(
        n_reaching, len(largest), settings["statistics.level"]
    )
    effect = audit["effect"].abs().max()
    error = (audit["effect"] - audit["estimate"]).abs().max()
    return {
        "audit/present": flag(len(audit)),
        "audit/largest-effect": _shown(float(effect)),
        "audit/largest-error": _shown(float(error)),
        "audit/all-below-threshold": flag(n_reaching == 0),
        "audit/most-others": format_percent(most),
    }


def _named(heads: pd.DataFrame) -> str:
    """The name of the first of these heads; a dash if there is none."""
    return MISSING if heads.empty else head_name(*pairs_of(heads)[0])


def _shown(size: float) -> str:
    """The size of an effect, in math mode; a dash if there is none."""
    return MISSING if pd.isna(size) else math_mode(format_number(size, DIGITS))
