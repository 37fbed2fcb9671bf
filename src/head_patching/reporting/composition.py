"""Numbers of composition: pairs of heads whose weights fit, and reported heads."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.keys import Numbers, counted, flag, p_numbers, slug
from head_patching.reporting.rounding import MISSING, format_number, math_mode
from head_patching.terms import HEAD, Role, head_name

PAIR_KINDS = ("k", "match", "match.mlp")
EDGE_KINDS = "kqv"  # composition of keys, queries and values
LATER = ["later_layer", "later_head"]

SIGNIFICANT = 0.05


def pair_numbers(weight_pairs: pd.DataFrame, kind: str) -> Numbers:
    """Pairs of a previous token and an induction head against all other pairs."""
    row = weight_pairs[weight_pairs["kind"] == kind].iloc[0]
    p_value, key = row["p_value"], f"weights/pairs/{slug(kind.replace('.', '-'))}"
    return {
        f"{key}/tested": flag(pd.notna(p_value)),
        f"{key}/n-pairs": str(int(row["n_pairs"])),
        f"{key}/one": flag(row["n_pairs"] == 1),
        f"{key}/difference": math_mode(format_number(row["difference"], 3, sign=True)),
        f"{key}/more-than-others": flag(p_value < SIGNIFICANT),
    } | p_numbers(key, p_value)


def edge_numbers(composition_edges: pd.DataFrame, model: Mapping[str, Any]) -> Numbers:
    """How many pairs of heads are edges, and which of these the roles predict."""
    edges, config = composition_edges, model["config"]
    n_layers, n_heads = config["n_layers"], config["n_heads"]
    found = {"weights/n-pairs": str(n_layers * (n_layers - 1) // 2 * n_heads**2)}
    for kind in EDGE_KINDS:
        found[f"weights/edges/{kind}"] = str(int((edges["kind"] == kind).sum()))
    by_keys = edges[edges["kind"] == "k"].sort_values(
        ["z", *HEAD, *LATER], ascending=[False] + [True] * 4
    )
    predicted = has_role(by_keys["role"], Role.PREVIOUS_TOKEN)
    predicted &= has_role(by_keys["later_role"], Role.INDUCTION)
    names = [
        f"{head_name(row.layer, row.head)} to "
        f"{head_name(row.later_layer, row.later_head)}"
        for row in by_keys.itertuples()
    ]
    first = int(predicted.to_numpy().argmax()) if predicted.any() else None
    return found | {
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


def reported_numbers(
    published_heads: pd.DataFrame, roles: pd.DataFrame, weights: pd.DataFrame
) -> Numbers:
    """Induction heads that others report for the model, and those found here."""
    reported = pd.MultiIndex.from_frame(published_heads[HEAD])
    found = roles[roles["role"] == Role.INDUCTION].set_index(HEAD).index
    scores = weights[weights["criterion"] == "qk_induction"].set_index(HEAD)["value"]
    by_weights = scores.nlargest(len(reported)).index
    sets = {
        "reported": reported,
        "both": found[found.isin(reported)],
        "only-here": found[~found.isin(reported)],
        "only-there": reported[~reported.isin(found)],
        "by-weights": by_weights[by_weights.isin(reported)],
    }
    return {
        key: text
        for name, heads in sets.items()
        for key, text in counted(f"weights/published/{name}", heads).items()
    }
