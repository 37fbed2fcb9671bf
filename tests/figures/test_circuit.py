"""Edges of the circuit figure, from tables by hand."""

import pandas as pd

from figures.circuit import edges_of, with_groups
from head_patching.files.register import columns


def circuit(*rows):
    """Rows (layer, head, role, receiver, important) with the table's other columns."""
    table = pd.DataFrame(
        rows, columns=["layer", "head", "role", "receiver", "important"]
    )
    table["criterion"] = "path.logits"
    missing = [name for name in columns("circuit") if name not in table]
    return table.assign(**dict.fromkeys(missing, 1))


NO_GROUPS = pd.DataFrame(columns=columns("head_groups"))


def test_only_important_paths_to_heads_of_other_roles_are_drawn():
    table = circuit(
        (5, 1, "a", "logits", 1), (2, 0, "b", "a", 1), (1, 0, "b", "a", 0),
        (3, 3, "a", "a", 1),
    )  # fmt: skip
    edges = edges_of(with_groups(table, NO_GROUPS))
    found = {(row.layer, row.head, row.receiver) for row in edges.itertuples()}
    assert found == {(5, 1, "logits"), (2, 0, "a")}


def test_heads_without_any_important_path_have_no_edges():
    table = circuit((17, 3, "induction", "logits", 0), (17, 4, "induction", None, 0))
    assert edges_of(with_groups(table, NO_GROUPS)).empty
