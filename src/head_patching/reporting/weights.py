"""Numbers of what the weights say, and how well it agrees with patching."""

import math

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.head_numbers import (
    Numbers,
    counted,
    flag,
    interval_text,
    p_numbers,
    slug,
)
from head_patching.reporting.rounding import (
    MISSING,
    format_number,
    head_name,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.weight_tables import ROLES, weight_name

PAIR_KINDS = ("k", "match", "match.mlp")
EDGE_KINDS = ("k", "q", "v")
LATER = ["later_layer", "later_head"]


def weight_numbers(results: Results) -> Numbers:
    """Agreement by role, pairs and edges of composition, what others report."""
    by_distance = results.weights["criterion"].str.match(r"qk_same_token\.\d")
    numbers = {"weights/by-distance": flag(by_distance.any())}
    for role in ROLES:
        numbers |= agreement_numbers(results, role)
    for kind in PAIR_KINDS:
        numbers |= pair_numbers(results, kind)
    return numbers | edge_numbers(results) | published_numbers(results)


def agreement_numbers(results: Results, role: str) -> Numbers:
    """The criteria that tell the role's heads best and worst from all others.

    By the area under the ROC curve; of equal ones the first. Beside them the criterion
    that ranks all heads most as their effects do.
    """
    rows = results.weight_agreement.query("role == @role")
    areas, correlations = rows.dropna(subset="auc"), rows.dropna(subset="spearman")
    key = f"weights/{slug(role)}"
    numbers = {
        f"{key}/n-criteria": str(len(rows)),
        f"{key}/has-area": flag(not areas.empty),
        f"{key}/has-correlation": flag(not correlations.empty),
        f"{key}/some-below-chance": flag((areas["auc"] < 0.5).any()),
    }
    ordered = areas.sort_values("auc", ascending=False, kind="stable")
    ranked = correlations.sort_values("spearman", ascending=False, kind="stable")
    for name, chosen in (
        ("best", ordered.head(1)),
        ("worst", ordered.tail(1)),
        ("nearest", ranked.head(1)),
    ):
        row = chosen.iloc[0] if len(chosen) else None
        numbers |= criterion_numbers(f"{key}/{name}", row)
    return numbers


def criterion_numbers(key: str, row: pd.Series | None) -> Numbers:
    """One row of weight_agreement.csv; dashes where there is none."""
    if row is None:
        names = ("name", "auc", "spearman", "interval", "n-in-role", "n-heads")
        dashes = {f"{key}/{name}": MISSING for name in names}
        return dashes | {f"{key}/correlated": flag(False)} | p_numbers(key, math.nan)
    return {
        f"{key}/name": weight_name(row["criterion"]),
        f"{key}/auc": format_number(row["auc"], 2),
        f"{key}/spearman": math_mode(format_number(row["spearman"], 2, sign=True)),
        f"{key}/interval": interval_text(row["ci_low"], row["ci_high"]),
        f"{key}/correlated": flag(row["ci_low"] > 0),
        f"{key}/n-in-role": str(int(row["n_in_role"])),
        f"{key}/n-heads": str(int(row["n_heads"])),
    } | p_numbers(key, row["p_value"])


def pair_numbers(results: Results, kind: str) -> Numbers:
    """Pairs of a previous token and an induction head against all other pairs."""
    row = results.weight_pairs.query("kind == @kind").iloc[0]
    p_value, key = row["p_value"], f"weights/pairs/{slug(kind.replace('.', '-'))}"
    return {
        f"{key}/tested": flag(pd.notna(p_value)),
        f"{key}/n-pairs": str(int(row["n_pairs"])),
        f"{key}/one": flag(row["n_pairs"] == 1),
        f"{key}/difference": math_mode(format_number(row["difference"], 3, sign=True)),
        f"{key}/more-than-others": flag(p_value < 0.05),
    } | p_numbers(key, p_value)


def edge_numbers(results: Results) -> Numbers:
    """How many pairs of heads stand out, and which of them the roles predict."""
    edges = results.composition_edges
    config = results.model["config"]
    n_layers, n_heads = config["n_layers"], config["n_heads"]
    numbers = {"weights/n-pairs": str(n_layers * (n_layers - 1) // 2 * n_heads**2)}
    for kind in EDGE_KINDS:
        numbers[f"weights/edges/{kind}"] = str(int((edges["kind"] == kind).sum()))
    by_keys = edges[edges["kind"] == "k"].sort_values(
        ["z", *HEAD, *LATER], ascending=[False] + [True] * 4
    )
    predicted = has_role(by_keys["role"], "previous token")
    predicted &= has_role(by_keys["later_role"], "induction")
    names = [
        f"{head_name(row.layer, row.head)} to "
        f"{head_name(row.later_layer, row.later_head)}"
        for row in by_keys.itertuples()
    ]
    first = int(predicted.to_numpy().argmax()) if predicted.any() else None
    return numbers | {
        "weights/strongest/found": flag(names),
        "weights/strongest/names": names[0] if names else MISSING,
        "weights/strongest/z": format_number(by_keys["z"].max(), 1),
        "weights/strongest/predicted": flag(first == 0),
        "weights/predicted/n": str(int(predicted.sum())),
        "weights/predicted/one": flag(predicted.sum() == 1),
        "weights/predicted/found": flag(first is not None),
        "weights/predicted/names": MISSING if first is None else names[first],
        "weights/predicted/rank": MISSING if first is None else str(first + 1),
    }


def has_role(roles: pd.Series, role: str) -> pd.Series:
    """Whether the role is among those of a head, which commas separate."""
    return roles.astype(str).str.split(", ").map(lambda held: role in held).astype(bool)


def published_numbers(results: Results) -> Numbers:
    """Induction heads that others report for the model, beside those found here."""
    reported = pd.MultiIndex.from_frame(results.published_heads[HEAD])
    roles = results.roles
    found = roles[roles["role"] == "induction"].set_index(HEAD).index
    by_weights = highest(results, len(reported))
    sets = {
        "reported": reported,
        "both": found[found.isin(reported)],
        "only-here": found[~found.isin(reported)],
        "only-there": reported[~reported.isin(found)],
        "by-weights": by_weights[by_weights.isin(reported)],
    }
    numbers: Numbers = {}
    for name, heads in sets.items():
        numbers |= counted(f"weights/published/{name}", heads.to_frame(index=False))
    return numbers


def highest(results: Results, count: int) -> pd.MultiIndex:
    """As many heads with the highest match through an earlier head."""
    scores = results.weights.query("criterion == 'qk_induction'").set_index(HEAD)
    return scores["value"].nlargest(count).index
