"""Tables for tests, with all columns that the register lists."""

import pandas as pd

from head_patching.files.register import TABLES


def complete(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns that a test leaves out: 1, or an empty text."""
    kinds = TABLES[name].columns
    absent = {c: "" if kinds[c] is str else 1 for c in kinds if c not in table.columns}
    return table.assign(**absent)[[*kinds]]
