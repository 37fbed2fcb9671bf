"""Numbers of comparisons: scores with effects, one task's heads with another's."""

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.head_numbers import (
    Numbers,
    counted,
    flag,
    p_numbers,
)
from head_patching.reporting.rounding import (
    MISSING,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import Results

PREFIX_SCORE = "induction_score.25x4"
DIRECT = "path.logits"
ROLE = "induction"
EFFECT = "effect.denoising.output"
DIRECTIONS = ("denoising", "noising")


def prefix_numbers(results: Results) -> Numbers:
    """Heads with a direct path to the answer, beside as many of the highest score.

    The score is the prefix-matching score of Olsson et al.; the lists are in the order
    of what they were chosen by.
    """
    direct = results.evidence_of(DIRECT)
    causal = direct[(direct["important"] == 1) & (direct["value"] > 0)]
    score = results.evidence_of(PREFIX_SCORE)
    by_score = score.nlargest(len(causal), "value")
    keys = {name: rows.set_index(HEAD).index for name, rows in
            (("causal", causal), ("score", by_score))}  # fmt: skip
    chosen = {
        "causal": keys["causal"],
        "by-score": keys["score"],
        "shared": keys["causal"][keys["causal"].isin(keys["score"])],
        "only-causal": keys["causal"][~keys["causal"].isin(keys["score"])],
        "only-score": keys["score"][~keys["score"].isin(keys["causal"])],
    }
    numbers: Numbers = {}
    for name, heads in chosen.items():
        numbers |= counted(f"prefix/{name}", heads.to_frame(index=False))
    effect = results.evidence_of(EFFECT).set_index(HEAD)["value"]
    ranks = score.set_index(HEAD)["value"].rank().corr(effect.rank())
    numbers["prefix/spearman"] = math_mode(format_number(ranks, 2, sign=True))
    return numbers


def elsewhere_numbers(first: Results, second: Results) -> Numbers:
    """Heads with the role induction in the first task that lack it in the second."""
    there, here = (
        {head for head, roles in of_task.roles_by_head().items() if ROLE in roles}
        for of_task in (first, second)
    )
    heads = [head for head in first.heads_by_strength() if head in there - here]
    return counted("induction/elsewhere", pd.DataFrame(heads, columns=HEAD))


def overlap_numbers(results: Results) -> Numbers:
    """The overlap of the first two tasks' important heads, in both directions."""
    table = results.overlap
    numbers = {"overlap/present": flag(not table.empty)}
    for direction in DIRECTIONS:
        rows = table[table["direction"] == direction]
        key = f"overlap/{direction}"
        numbers |= _missing(key) if rows.empty else _overlap(key, rows.iloc[0])
    return numbers


def _overlap(key: str, row: pd.Series) -> Numbers:
    """The numbers of one row."""
    heads = [] if pd.isna(row["heads"]) else str(row["heads"]).split()
    return {
        f"{key}/n-first": str(int(row["n_first"])),
        f"{key}/n-second": str(int(row["n_second"])),
        f"{key}/shared": str(int(row["shared"])),
        f"{key}/any": flag(heads),
        f"{key}/heads": join_names(heads, most=20),
        f"{key}/expected": format_number(row["expected"], 1),
        f"{key}/more-than-chance": flag(row["p_value"] < 0.05),
        f"{key}/jaccard": math_mode(format_number(row["jaccard"], 2)),
        f"{key}/interval": math_mode(format_interval(row["ci_low"], row["ci_high"], 2)),
    } | p_numbers(key, row["p_value"])


def _missing(key: str) -> Numbers:
    """The same keys where there is nothing to compare: mentioned, though not shown."""
    names = ("n-first", "n-second", "shared", "heads", "expected", "p-value")
    numbers = {f"{key}/{name}": MISSING for name in (*names, "jaccard", "interval")}
    flags = ("any", "p-is-small", "more-than-chance")
    return numbers | {f"{key}/{name}": flag(False) for name in flags}
