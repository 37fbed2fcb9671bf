"""The circuit's nodes and edges, from small tables written by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from figures.circuit import draw, edges_of, nodes_of, with_groups
from head_patching.files.register import columns
from head_patching.roles.circuit import acts_at, circuit
from head_patching.tasks import find_task
from tests.tables import made

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

# How the heads of a stage were patched when they showed their effect on it.
QUESTION = {
    "corruption": "s2_io_flip",
    "direction": "denoising",
    "silenced": "",
    "patched": "share of the group",
}


def evidence(rows):
    """Values with an interval of 0.1 around them."""
    table = pd.DataFrame(
        rows, columns=["layer", "head", "criterion", "value", "important"]
    )
    asked = table["criterion"].str.startswith("stage.")
    for name, said in QUESTION.items():
        table[name] = np.where(asked, said, "")
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


NO_GROUPS = made("head_groups", "", []).head(0)


def outlined(roles=ROLES, measured=MEASURED, groups=NO_GROUPS):
    """The circuit of the tables above, with others in place of some."""
    return circuit(find_task("ioi"), roles, CRITERIA, measured, groups)


@pytest.fixture
def found():
    return with_groups(outlined(), NO_GROUPS)


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
    empty = outlined(nobody)
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
    found = outlined(both, pd.concat([MEASURED, own]))
    nodes = nodes_of(found).set_index(["layer", "head"])
    assert nodes.loc[(5, 1), "role"] == "name mover"
    edges = edges_of(found)
    assert edges[["layer", "head", "receiver"]].duplicated().sum() == 1  # two receivers
    assert (2, 1) not in set(zip(edges["layer"], edges["head"], strict=True))


def test_no_two_heads_stand_at_the_same_place():
    many = pd.DataFrame({"layer": [4] * 5 + [5], "head": [0, 1, 2, 3, 4, 0]})
    nodes = nodes_of(many.assign(place=2, role="induction", found=1))
    places = list(zip(nodes["x"], nodes["layer"], strict=True))
    assert len(set(places)) == len(places)
    assert nodes["x"].between(-0.5, 0.5).all()


# Heads L2H1 and L3H0 share what they do to the values of L5H1.
TOGETHER = made(
    "head_groups",
    "stage receivers heads n_heads corruption direction joint alone label",
    [
        ("stage.s_inhibition_values", "L5H1", "L2H1+L3H0", 2, *asked)
        for asked in (
            ("abc", "noising", 0.6, 0.05, "redundant"),
            ("s2_io_flip", "denoising", 0.4, 0.4, "additive"),
        )
    ],
    joint_low=0.5, joint_high=0.7, matters=1, found=1,
)  # fmt: skip
SHARES = evidence(
    [
        (2, 1, "stage.s_inhibition_values", 0.3, 1),
        (2, 1, "path.s_inhibition_values", 0.01, 0),
        (3, 0, "stage.s_inhibition_values", 0.3, 1),
        (3, 0, "path.s_inhibition_values", 0.02, 0),
    ]
)
INHIBITING = ROLES.assign(role=ROLES["role"].replace("own role", "S-inhibition"))


def test_an_edge_is_the_answer_on_which_the_role_rests():
    found = outlined(INHIBITING, pd.concat([MEASURED, SHARES]))
    paths = found[found["receiver"] == "S-inhibition"]
    assert paths["value"].tolist() == [0.3, 0.3]
    assert paths[list(QUESTION)].drop_duplicates().to_dict("records") == [QUESTION]
    # Nobody else was asked: the path alone, in noising.
    direct = found[found["receiver"] == "logits"].iloc[0]
    assert (direct["corruption"], direct["direction"]) == ("abc", "noising")
    assert direct["patched"] == "alone"


def test_redundant_heads_have_one_edge_with_their_joint_effect():
    measured = pd.concat([MEASURED, SHARES])
    fig, data = draw(outlined(INHIBITING, measured, TOGETHER), TOGETHER)
    written = {text.get_text() for text in fig.axes[0].texts}
    plt.close(fig)
    assert "2 candidates together\n+0.60 [+0.50, +0.70]" in written
    of_group = data[data["group"] != ""]
    assert set(zip(of_group["layer"], of_group["head"], strict=True)) == {
        (2, 1),
        (3, 0),
    }
    assert of_group[["joint", "joint_low", "joint_high"]].drop_duplicates().to_numpy(
    ).tolist() == [[0.6, 0.5, 0.7]]  # fmt: skip


def test_heads_that_add_up_have_an_edge_each():
    additive = TOGETHER.assign(label="additive")
    measured = pd.concat([MEASURED, SHARES])
    _, data = draw(outlined(INHIBITING, measured, additive), additive)
    plt.close("all")
    assert (data["group"] == "").all()


def test_candidates_that_stood_for_a_role_are_drawn_and_reached():
    """Nobody has the role S-inhibition; L5H1 has its attention."""
    without = TOGETHER.assign(found=0)
    found = outlined(ROLES, pd.concat([MEASURED, SHARES]), without)
    nodes = nodes_of(found[found["role"] != "name mover"]).set_index(["layer", "head"])
    assert nodes.loc[(5, 1), "found"] == 1  # it has another role
    alone = found[~((found["layer"] == 5) & (found["found"] == 1))]
    nodes = nodes_of(alone).set_index(["layer", "head"])
    assert (nodes.loc[(5, 1), "role"], nodes.loc[(5, 1), "found"]) == (
        "S-inhibition",
        0,
    )
    edges = edges_of(with_groups(alone, without))
    inhibited = edges[edges["receiver"] == "S-inhibition"]
    assert {*zip(inhibited["to_layer"], inhibited["to_head"], strict=True)} == {(5, 1)}
