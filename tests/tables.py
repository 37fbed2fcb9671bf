"""Tables for tests, with all columns that the register lists."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from head_patching.files.register import TABLES


def complete(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns that a test leaves out: 1, or an empty text."""
    kinds = TABLES[name].columns
    absent = {c: "" if kinds[c] is str else 1 for c in kinds if c not in table.columns}
    return table.assign(**absent)[[*kinds]]


def made(
    name: str, columns: str, rows: pd.DataFrame | Sequence[Any], **constant: Any
) -> pd.DataFrame:
    """A table from the values that a test cares about.

    Parameters
    ----------
    name
        As in the register, which has all columns.
    columns
        Of the rows, separated by spaces; empty if rows are a table.
    constant
        Columns with one value in all rows.

    Examples
    --------
    >>> table = made("weight_pairs", "kind p_value", [("k", 0.5)], n_pairs=3)
    >>> table.to_dict("records")
    [{'kind': 'k', 'difference': 1, 'p_value': 0.5, 'n_pairs': 3}]
    """
    table = pd.DataFrame(rows, columns=columns.split() or None)
    return complete(name, table.assign(**constant))
