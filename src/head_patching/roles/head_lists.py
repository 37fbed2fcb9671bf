"""Anybody's list of heads with roles, scored against the circuits of planted models.

What counts is a head with a role: the same head with two roles counts twice.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from head_patching.files.records import read_record
from head_patching.files.tables import read_columns
from head_patching.lookup import one_of
from head_patching.roles.scores import proportion
from head_patching.terms import HEAD, POOLED, ROLES, WITHOUT_ROLE

TRUTH = "give the truth.json that `head-patching plant` wrote"
LIST = "a list of heads has the columns layer, head and role"


def read_truth(path: Path) -> tuple[pd.DataFrame, tuple[int, int]]:
    """The planted heads (columns layer, head, role), and how many layers and heads.

    Raises
    ------
    FileNotFoundError, ValueError
        When the file is not there, or not the truth of a planted model.
    """
    record = read_record(path, ["roles", "n_layers", "n_heads"], TRUTH)
    rows = []
    for role, heads in record["roles"].items():
        known_role(role, str(path))
        rows += [(head["layer"], head["head"], role) for head in heads]
    planted = pd.DataFrame(rows, columns=[*HEAD, "role"])
    return planted, (record["n_layers"], record["n_heads"])


def read_heads(path: Path, shape: tuple[int, int]) -> pd.DataFrame:
    """A list of heads with roles, less the rows that say `undecided` or `no role`.

    Parameters
    ----------
    path
        A CSV file with the columns layer, head and role; others are ignored.
    shape
        How many layers the model has, and heads in each.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When a column is missing, the model has no such head, or a role is unknown.
    """
    kinds = {"layer": int, "head": int, "role": str}
    heads = read_columns(path, kinds, LIST)[[*kinds]]
    for row in heads.itertuples():
        place = f"{path}, line {row.Index + 2}"
        for column, size in zip(HEAD, shape, strict=True):
            number = getattr(row, column)
            # An empty cell is NaN, which is in no range.
            if not 0 <= number < size:
                raise ValueError(
                    f"{place}: {column} is {number:g}, expected 0 to {size - 1}"
                )
        known_role(row.role, place)
    return heads[~heads["role"].isin(WITHOUT_ROLE)].astype({"layer": int, "head": int})


def known_role(role: str, place: str) -> str:
    """The role, if it is one.

    Raises
    ------
    ValueError
        When it is not: the place comes first, then the roles that there are.
    """
    try:
        return one_of("role", role, [*ROLES, *WITHOUT_ROLE])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def beside_truths(truths: Sequence[Path], lists: Sequence[Path]) -> pd.DataFrame:
    """Every planted and every listed role of a head, of all models.

    Columns: model (its number), layer, head, role, planted and found (1 or 0).

    Parameters
    ----------
    truths, lists
        The truth of each model, and what was found in it, in the same order.

    Raises
    ------
    ValueError
        When they are not as many, a truth is there twice, or a file is not as it
        should be.
    """
    if len(truths) != len(lists):
        raise ValueError(
            f"truths (--truth): {len(truths)}, lists of heads (--heads): {len(lists)}; "
            "expected a list for each truth, in the same order"
        )
    seen = {path.resolve() for path in truths}
    if len(seen) < len(truths):
        raise ValueError("a truth is given twice: its model would be counted twice")
    tables = []
    for number, (truth, listed) in enumerate(zip(truths, lists, strict=True)):
        planted, shape = read_truth(truth)
        found = read_heads(listed, shape).drop_duplicates()
        both = planted.merge(found, how="outer", indicator="side")
        tables.append(
            both.assign(
                model=number,
                planted=both["side"].ne("right_only").astype(int),
                found=both["side"].ne("left_only").astype(int),
            )
        )
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *HEAD, "role", "planted", "found"]]


def list_scores(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Precision and recall of each role, and of all roles together.

    Models are pooled; intervals are Clopper-Pearson over heads, as if the heads of one
    model were independent.

    Parameters
    ----------
    table
        Rows of `beside_truths`.
    """
    rows = []
    roles = [role for role in ROLES if role in set(table["role"])]
    for role in [*roles, POOLED]:
        of_role = table if role == POOLED else table[table["role"] == role]
        right = int((of_role["planted"] & of_role["found"]).sum())
        planted, found = int(of_role["planted"].sum()), int(of_role["found"].sum())
        rows.append(
            {"role": role, "tp": right, "fp": found - right, "fn": planted - right}
            | proportion("precision", right, found - right, level)
            | proportion("recall", right, planted - right, level)
            | {"n_models": table["model"].nunique()}
        )
    return pd.DataFrame(rows)
