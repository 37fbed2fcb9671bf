"""Which heads were taken apart, and what the others may do."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, flag
from head_patching.reporting.rounding import MISSING, format_number, math_mode
from head_patching.terms import HEAD

# Effects of heads that were drawn at random are small.
DIGITS = 4


@numbers
def choice_numbers(chosen_heads: pd.DataFrame, effects: pd.DataFrame) -> Numbers:
    """How many heads were chosen, for which reason, and how many were not."""
    n_heads = len(effects[HEAD].drop_duplicates())
    reasons = chosen_heads["reason"].value_counts()
    return {
        "chosen/n": str(len(chosen_heads)),
        "chosen/n-others": str(n_heads - len(chosen_heads)),
        "chosen/all": flag(len(chosen_heads) == n_heads),
        "chosen/n-important": str(reasons.get("important", 0)),
        "chosen/n-by-estimate": str(reasons.get("estimate", 0)),
        "chosen/n-random": str(reasons.get("random", 0)),
    }


@numbers
def audit_numbers(audit: pd.DataFrame, provenance: Mapping[str, Any]) -> Numbers:
    """The heads drawn at random: their effects, and the errors of their estimates.

    They were chosen by nothing but chance, as if from the heads that were not patched.
    """
    threshold = provenance["settings"]["importance.threshold"]
    effect = audit["effect"].abs().max()
    error = (audit["effect"] - audit["estimate"]).abs().max()
    return {
        "audit/present": flag(len(audit)),
        "audit/largest-effect": _shown(float(effect)),
        "audit/largest-error": _shown(float(error)),
        "audit/all-below-threshold": flag(effect < threshold),
    }


def _shown(size: float) -> str:
    """The size of an effect, in math mode; a dash if there is none."""
    return MISSING if pd.isna(size) else math_mode(format_number(size, DIGITS))
