"""The description of a table of results: its folder, its columns and their types."""

from enum import StrEnum


class Scope(StrEnum):
    """What a table is about, which says the folder that it is in."""

    EXPERIMENT = "experiment"  # results/{model}/{task}/{corruption}/
    MODEL = "model"  # results/{model}/
    REPLICATION = "replication"  # also there: what is published of the chapter's model
    COMPARISON = "comparison"  # also there: the chapter's model and the other models
    VALIDATION = "validation"  # results/validation/
    BUILD = "build"  # results/


TYPES: dict[str, type] = {"": str, "i": int, "f": float}


class Table:
    """A result file, read and written by its name.

    Parameters
    ----------
    name
        As parameters of functions and options of commands have it.
    scope
        What it is about.
    columns
        All columns in their order, separated by spaces, `name:i` for whole numbers and
        `name:f` for others, which may be missing; the rest are texts. Of a JSON file,
        the keys that it must have.
    file
        Its path in the folder of its scope, unless it is the name and `.csv`; empty
        for tables of which a folder holds several, with names of their own.
    may_be_empty
        Whether a build without a fault may give it no rows.
    """

    def __init__(
        self,
        name: str,
        scope: Scope,
        columns: str = "",
        *,
        file: str | None = None,
        may_be_empty: bool = False,
    ) -> None:
        self.name = name
        self.scope = scope
        self.columns = parse_columns(columns)
        self.file = f"{name}.csv" if file is None else file
        self.may_be_empty = may_be_empty


def parse_columns(text: str) -> dict[str, type]:
    """The type of each column.

    Examples
    --------
    >>> parse_columns("role layer:i value:f")
    {'role': <class 'str'>, 'layer': <class 'int'>, 'value': <class 'float'>}
    """
    pairs = (column.partition(":") for column in text.split())
    return {name: TYPES[kind] for name, _, kind in pairs}
