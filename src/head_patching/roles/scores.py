"""Precision, recall and confusions of the roles found in planted models.

All functions take the rows of `roles.validation.validate_model`, of any number of
models.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from head_patching.planted.circuit import DEFAULT_NOISE, ROLES
from head_patching.statistics import proportion_interval
from head_patching.terms import HEAD, NO_DECOY, NOTHING_LEFT_OUT, WITHOUT_ROLE

ENDS = ("", "_low", "_high")  # the rate, and its interval

# The columns that name a model; models that differ in the others are scored together.
MODEL = ["architecture", "noise", "redundancy", "attention", "wiring", "decoys"]
MODEL += ["seed", "without"]
CELL = ["task", "architecture", "noise", "redundancy", "attention"]
EACH = [*CELL, "wiring"]
POOLED = ["task", "noise", "redundancy"]
RATES = [f"{rate}{end}" for rate in ("precision", "recall") for end in ENDS]


def scores(
    table: pd.DataFrame, level: float = 0.95, keys: Sequence[str] = CELL
) -> pd.DataFrame:
    """Precision and recall of each role, by what tells models apart.

    Models are pooled; intervals are Clopper-Pearson over heads. Rows of models from
    which something was left out, or to which decoys were added, are not counted.

    Parameters
    ----------
    keys
        The columns by which models are told apart, the task first.
    """
    whole, rows = plain_models(table), []
    for names, models in whole.groupby([*keys]):
        for role in roles_of(whole[whole["task"] == names[0]]):
            counts = count(models, role)
            rows.append(
                dict(zip(keys, names, strict=True))
                | {"role": role}
                | counts
                | proportion("precision", counts["tp"], counts["fp"], level)
                | proportion("recall", counts["tp"], counts["fn"], level)
                | {"n_models": len(models.drop_duplicates(MODEL))}
            )
    columns = [*keys, "role", "tp", "fp", "fn", *RATES, "n_models"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(is_default=at_default(table["noise"]))


def plain_models(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of models with the whole circuit and nothing beside it."""
    whole = table["without"] == NOTHING_LEFT_OUT
    return table[whole & (table["decoys"] == NO_DECOY)]


def require_once(table: pd.DataFrame) -> None:
    """Refuse rows that are listed twice: their models would be counted twice."""
    keys = [*MODEL, "task", "layer", "head", "found"]
    twice = table[table.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise ValueError(
            f"the {row['architecture']} model of seed {row['seed']}, noise "
            f"{row['noise']:g}, is in the tables more than once"
        )


def roles_of(table: pd.DataFrame) -> list[str]:
    """The planted roles in the order of `ROLES`, and any other that was found."""
    planted = [str(role) for role in ROLES if role in set(table["planted"])]
    others = set(table["found"]) - {*planted, *WITHOUT_ROLE}
    return [*planted, *sorted(others)]


def at_default(noise: pd.Series) -> pd.Series:
    """1 where the noise is at its default level, else 0."""
    return ((noise - DEFAULT_NOISE).abs() < 1e-9).astype(int)


def count(models: pd.DataFrame, role: str) -> dict[str, int]:
    """True positives, false positives and false negatives of one role."""
    is_planted, is_found = models["planted"] == role, models["found"] == role
    planted = models[is_planted].drop_duplicates([*MODEL, *HEAD])
    right = int((is_planted & is_found).sum())
    return {
        "tp": right,
        "fp": int((is_found & ~is_planted).sum()),
        "fn": len(planted) - right,
    }


def proportion(name: str, right: int, wrong: int, level: float) -> dict[str, float]:
    """right / (right + wrong) with its interval; empty when there is neither."""
    if right + wrong == 0:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    low, high = proportion_interval(right, right + wrong, level)
    return {
        name: right / (right + wrong),
        f"{name}_low": low,
        f"{name}_high": high,
    }


def confusion(table: pd.DataFrame) -> pd.DataFrame:
    """How many heads of each planted role were found to have which role.

    Columns: those of `CELL`, planted, found, heads, is_default; models as in `scores`.
    """
    keys = [*CELL, "planted", "found"]
    sizes = plain_models(table).groupby(keys).size().rename("heads").reset_index()
    return sizes.assign(is_default=at_default(sizes["noise"]))
