"""Heads chosen by their effect beside as many chosen by a score of attention."""

import pandas as pd

from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, counted
from head_patching.reporting.rounding import format_number, math_mode
from head_patching.reporting.select import evidence_of
from head_patching.terms import HEAD

PREFIX_SCORE = "induction_score.25x4"
DIRECT = "path.logits"
EFFECT = "effect.denoising.output"


@numbers
def prefix_numbers(evidence: pd.DataFrame) -> Numbers:
    """Heads with a direct path to the answer, beside as many of the highest score.

    The score is the prefix-matching score of Olsson et al.; each list is in the order
    of the quantity that it was chosen by.
    """
    direct = evidence_of(evidence, DIRECT)
    score = evidence_of(evidence, PREFIX_SCORE)
    helpful = direct[(direct["important"] == 1) & (direct["value"] > 0)]
    causal = helpful.set_index(HEAD).index
    by_score = score.nlargest(len(causal), "value").set_index(HEAD).index
    chosen = {
        "causal": causal,
        "by-score": by_score,
        "shared": causal[causal.isin(by_score)],
        "only-causal": causal[~causal.isin(by_score)],
        "only-score": by_score[~by_score.isin(causal)],
    }
    found: Numbers = {}
    for name, heads in chosen.items():
        found |= counted(f"prefix/{name}", heads)
    effect = evidence_of(evidence, EFFECT).set_index(HEAD)["value"]
    ranks = score.set_index(HEAD)["value"].rank().corr(effect.rank())
    found["prefix/spearman"] = math_mode(format_number(ranks, 2, sign=True))
    return found
