"""Whether the cells of a column are of the type that it should have."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

KINDS = {int: "a whole number", float: "a number"}


def wrong_cells(column: "pd.Series", kind: type) -> "pd.Series":
    """The cells of a column that are not numbers of this kind; none of texts."""
    import pandas as pd

    if kind is str:
        return column.head(0)
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if kind is int:
        wrong |= numbers.notna() & (numbers % 1 != 0)
    return column[wrong]
