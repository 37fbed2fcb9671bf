"""The circuit's nodes and edges, from small tables written by hand."""

import pandas as pd
import pytest

from figures.circuit import edges_of, nodes_of
from head_patching.files.register import columns
from head_patching.roles.circuit import acts_at, circuit
from head_patching.tasks import find_task

CRITERIA = pd.DataFrame(
    [
        ("previous token", "path.induction_keys"),
        ("previous token", "attention.S1+1.S1"),
        ("induction", "path.s_inhibition_values"),
        ("induction", "attention.S2.S1+1"),
        ("name mover", "path.logits"),
        ("name mover", "attention.END.IO"),
        ("own role", "path.logits"),
    ],
    columns=["role", "criterion"],
)
ROLES = pd.DataFrame(
    [
        (1, 0, "previous token"),
        (2, 1, "induction"),
        (3, 0, "induction"),
        (5, 1, "name mover"),
        (5, 1, "own role"),
        (4, 0, "undecided"),
        (0, 0, "no role"),
    ],
    columns=["layer", "head", "role"],
)


def evidence(rows):
    """Values with an interval of 0.1 around them."""
    table = pd.DataFrame(
        rows, columns=["layer", "head", "criterion", "value", "important"]
    )
    return table.assign(ci_low=table["value"] - 0.1, ci_high=table["value"] + 0.1)


MEASURED = evidence(
    [
        (1, 0, "path.induction_keys", 0.3, 1),
        (1, 0, "path.logits", 0.0, 0),
        (1, 0, "attention.S1+1.S1", 0.9, 0),
        (2, 1, "path.induction_keys", 0.01, 0),
        (5, 1, "path.logits", -0.2, 1),
        (4, 0, "path.logits", 0.5, 1),
    ]
)


@pytest.fixture
def found():
    return circuit(find_task("ioi"), ROLES, CRITERIA, MEASURED)


def test_heads_with_a_role_act_where_their_attention_is_asked_for(found):
    heads = found.drop_duplicates(["layer", "head", "role"])
    shown = set(zip(heads["layer"], heads["head"], heads["position"], strict=True))
    assert shown == {(1, 0, "S1+1"), (2, 1, "S2"), (3, 0, "S2"), (5, 1, "END")}
    assert acts_at("own role", CRITERIA) == "END"
    in_order = found.sort_values("place")["position"].drop_duplicates()
    assert list(in_order) == ["S1+1", "S2", "END"]


def test_paths_end_at_the_role_that_their_step_names(found):
    important = found[found["important"] == 1]
    shown = important[["layer", "head", "role", "receiver", "value"]]
    assert shown.to_numpy().tolist() == [
        [1, 0, "previous token", "induction", 0.3],
        [5, 1, "name mover", "logits", -0.2],
        [5, 1, "own role", "logits", -0.2],
    ]
    # A head whose paths were not measured is there all the same, without a value.
    assert found[found["layer"] == 3]["value"].isna().all()


def test_without_roles_there_is_no_circuit():
    nobody = ROLES.assign(role="no role")
    empty = circuit(find_task("ioi"), nobody, CRITERIA, MEASURED)
    assert empty.empty
    assert list(empty.columns) == columns("circuit")


def test_a_path_is_drawn_to_every_receiver_above_its_sender(found):
    edges = edges_of(found)
    between = edges[edges["receiver"] != "logits"]
    ends = zip(between["to_layer"], between["to_head"], strict=True)
    assert sorted(ends) == [(2, 1), (3, 0)]


def test_a_head_is_drawn_with_its_first_role_and_no_path_to_its_own_role():
    both = ROLES.assign(role=ROLES["role"].replace("own role", "backup name mover"))
    own = evidence([(2, 1, "path.induction_keys", 0.2, 1)])
    found = circuit(find_task("ioi"), both, CRITERIA, pd.concat([MEASURED, own]))
    nodes = nodes_of(found).set_index(["layer", "head"])
    assert nodes.loc[(5, 1), "role"] == "name mover"
    edges = edges_of(found)
    assert edges[["layer", "head", "receiver"]].duplicated().sum() == 1  # two receivers
    assert (2, 1) not in set(zip(edges["layer"], edges["head"], strict=True))


def test_no_two_heads_stand_at_the_same_place():
    many = pd.DataFrame({"layer": [4] * 5 + [5], "head": [0, 1, 2, 3, 4, 0]})
    nodes = nodes_of(many.assign(place=2, role="induction"))
    places = list(zip(nodes["x"], nodes["layer"], strict=True))
    assert len(set(places)) == len(places)
    assert nodes["x"].between(-0.5, 0.5).all()
