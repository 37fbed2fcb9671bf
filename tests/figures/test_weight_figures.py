"""Figures of the weights, from small tables worked out by hand."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch

from figures import composition, style, weights_roc

COLUMNS = ["kind", "layer", "head", "later_layer", "later_head", "z", "role"]
EDGES = pd.DataFrame(
    [
        ("v", 0, 0, 1, 0, 30.0, "no role", "no role"),
        ("k", 0, 0, 2, 1, 8.0, "no role", "induction"),
        ("k", 0, 1, 2, 1, 10.0, "S-inhibition, previous token", "induction"),
        ("k", 0, 1, 1, 0, 9.0, "previous token", "duplicate token"),
    ],
    columns=[*COLUMNS, "later_role"],
).assign(value=0.2, baseline=0.1)
HEADS = [(layer, head) for layer in range(3) for head in range(2)]
ROLES = pd.DataFrame(HEADS, columns=["layer", "head"]).assign(role="no role")
ROLES.loc[1, "role"] = "S-inhibition"
ROLES.loc[5, "role"] = "induction"
ROLES.loc[6] = (0, 1, "previous token")


@pytest.fixture(autouse=True)
def close_figures():
    """Figures do not outlive their test."""
    yield
    plt.close("all")


def names(fig) -> list[str]:
    """What is written in the axes of a figure."""
    return [text.get_text() for text in fig.axes[0].texts]


def test_the_strongest_edges_by_keys_are_drawn():
    edges = composition.strongest_edges(EDGES, 2)
    assert edges["z"].tolist() == [10, 9]
    # Of these the first alone ends at an induction head.
    assert edges["predicted"].tolist() == [1, 0]
    assert composition.edge_widths(edges["z"]) == pytest.approx([1.8, 0.4])
    assert composition.edge_widths(edges["z"].head(1)) == pytest.approx([1.8])


def test_only_the_two_roles_have_their_colours():
    heads = composition.named_heads(ROLES)
    assert len(heads) == 6
    found = heads[heads["role"] != "no role"]
    assert found.to_numpy().tolist() == [[0, 1, "previous token"], [2, 1, "induction"]]


def test_heads_of_edges_and_roles_are_named_and_arrows_counted():
    fig, data = composition.draw(EDGES, ROLES, largest=2)
    assert sorted(names(fig)) == ["L0H1", "L1H0", "L2H1"]
    arrows = fig.axes[0].findobj(FancyArrowPatch)
    assert len([arrow for arrow in arrows if arrow.get_zorder() < 5]) == 2
    assert len(data) == 2
    assert fig.axes[0].get_ylim()[0] < fig.axes[0].get_ylim()[1]


def test_without_edges_the_roles_are_still_drawn():
    fig, data = composition.draw(EDGES.head(0), ROLES)
    assert sorted(names(fig)) == ["L0H1", "L2H1"]
    assert data.empty
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["induction", "previous token", "no pair above the others"]


ROC = pd.DataFrame(
    {
        "role": ["induction"] * 3 + ["previous token"] * 2,
        "criterion": ["ov_copying.mlp"] * 3 + ["qk_previous_token"] * 2,
        "false_positive": [0, 0, 1, 0, 1],
        "true_positive": [0, 1, 1, 0, 1],
    }
)
AGREEMENT = pd.DataFrame(
    {
        "role": ["induction", "previous token"],
        "criterion": ["ov_copying.mlp", "qk_previous_token"],
        "auc": [1.0, 0.5],
    }
)


def test_curves_are_named_with_their_areas():
    fig, data = weights_roc.draw(ROC, AGREEMENT)
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["chance (0.50)", "copying (OV), behind the first MLP (1.00)"]
    assert data["true_positive"].tolist() == [0, 1, 1]


def test_without_a_head_of_the_role_the_figure_says_so():
    fig, data = weights_roc.draw(ROC.head(0), AGREEMENT.assign(auc=float("nan")))
    assert names(fig) == [
        "No head has the role induction: there is nothing to compare."
    ]
    assert fig.get_figwidth() == style.TEXT_WIDTH
    assert len(data) == 1
