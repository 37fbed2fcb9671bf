"""What figures show, from small tables worked out by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from figures import (
    attention_targets,
    behaviour,
    head_effects,
    heads,
    heatmaps,
    necessity_sufficiency,
    position_effects,
    role_map,
    style,
    top_heads,
)
from head_patching.terms import NO_ROLE, ROLES, UNDECIDED
from tests.reporting.synthetic import synthetic_effects
from tests.reporting.synthetic_roles import synthetic_roles


@pytest.fixture(autouse=True)
def close_figures():
    """Figures do not outlive their test."""
    yield
    plt.close("all")


def effects(rows: list[tuple]) -> pd.DataFrame:
    """Effects of output patching from (direction, layer, head, effect)."""
    table = pd.DataFrame(rows, columns=["direction", "layer", "head", "effect"])
    return table.assign(
        patch_type="output",
        ci_low=table["effect"] - 0.1,
        ci_high=table["effect"] + 0.1,
        n_pairs=8,
    )


FOUR = effects(
    [
        ("denoising", 0, 0, 0.1),
        ("denoising", 0, 1, -0.4),
        ("denoising", 1, 0, 0.4),
        ("denoising", 1, 1, 0.0),
        ("noising", 0, 0, 0.2),
        ("noising", 0, 1, 0.3),
        ("noising", 1, 0, 0.0),
        ("noising", 1, 1, 0.0),
    ]
)
ROLES_OF_FOUR = pd.DataFrame(
    {
        "layer": [0, 0, 1, 1, 1],
        "head": [0, 1, 0, 0, 1],
        "role": ["undecided", "no role", "induction", "name mover", "no role"],
    }
)


def test_every_role_has_one_colour():
    assert tuple(style.ROLE_COLORS) == (*ROLES, UNDECIDED, NO_ROLE)
    assert len(set(style.ROLE_COLORS.values())) == len(style.ROLE_COLORS)


def test_a_role_that_a_user_adds_has_a_colour_and_a_place():
    assert style.role_color("verb mover") not in style.ROLE_COLORS.values()
    order = heads.role_order(["no role", "verb mover", "induction", "induction"])
    assert order == ["induction", "verb mover", "no role"]


def test_of_several_roles_the_first_in_the_legend_counts():
    first = heads.first_roles(ROLES_OF_FOUR)
    assert list(first["role"]) == ["undecided", "no role", "name mover", "no role"]


def test_equal_effects_are_ordered_by_layer_and_head():
    ranked = heads.strongest(FOUR[FOUR["direction"] == "denoising"], 3)
    order = list(zip(ranked["layer"], ranked["head"], strict=True))
    assert order == [(0, 1), (1, 0), (0, 0)]


def test_layer_0_lies_at_the_bottom_and_colours_are_symmetric():
    panel = FOUR[FOUR["direction"] == "denoising"]
    ax = heatmaps.effect_heatmap(panel, limit=0.4, ax=plt.subplot())
    heatmaps.name_cells(ax, heads.strongest(panel, 1))
    mesh = ax.collections[0]
    assert mesh.norm.vmin == -mesh.norm.vmax == -0.4
    assert ax.get_ylim()[0] < ax.get_ylim()[1]
    np.testing.assert_allclose(mesh.get_array(), [[0.1, -0.4], [0.4, 0.0]])
    assert [text.get_text() for text in ax.texts] == ["L0H1"]
    assert ax.texts[0].get_position() == (1.5, 0.5)


def test_both_directions_of_the_top_heads_are_together():
    rows = top_heads.top_head_effects(FOUR, ROLES_OF_FOUR, 2, "output")
    assert list(rows["rank"]) == [1, 1, 2, 2]
    assert list(rows["direction"]) == ["denoising", "noising"] * 2
    assert list(rows["effect"]) == [-0.4, 0.3, 0.4, 0.0]
    assert list(rows["role"].unique()) == ["no role", "name mover"]


def test_templates_are_split_into_order_and_number():
    table = pd.DataFrame(
        {
            "group": ["all", "BABA-02", "ABBA-02", "plain"],
            "run": "clean",
            "metric": "logit_diff",
            "mean": [1.0, 2.0, 3.0, 4.0],
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n_pairs": 4,
        }
    )
    rows = behaviour.template_rows(table)
    assert list(rows["order"]) == ["ABBA", "BABA", "prompt"]
    assert list(rows["template"]) == ["02", "02", "plain"]
    fig, _ = behaviour.draw(table)  # intervals are missing: no error
    assert fig.get_figwidth() == style.TEXT_WIDTH


def test_heads_with_a_role_are_named_on_the_map():
    fig, _ = role_map.draw(ROLES_OF_FOUR)
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.texts] == ["L1H0"]
    cells = heatmaps.cell_colors(ax)
    for row in heads.first_roles(ROLES_OF_FOUR).itertuples():
        assert to_hex(cells[row.layer, row.head]).upper() == style.role_color(row.role)


def test_without_roles_the_most_attentive_heads_are_shown():
    evidence = pd.DataFrame(
        {
            "layer": [0, 0, 1],
            "head": [0, 1, 0],
            "criterion": "attention.END.IO",
            "value": [0.2, 0.9, 0.4],
            "ci_low": 0.0,
            "ci_high": 1.0,
            "n": 8,
        }
    )
    roles = ROLES_OF_FOUR.assign(role="no role")
    rows = attention_targets.attention_rows(evidence, roles, 2)
    assert list(zip(rows["layer"], rows["head"], strict=True)) == [(0, 1), (1, 0)]


def test_attention_stands_beside_the_name_of_its_head():
    evidence = pd.DataFrame(
        [
            (0, 1, "attention.END.IO", 0.25),
            (0, 1, "attention.S2.S1+1", 0.75),
            (1, 0, "attention.END.IO", 0.5),
            (1, 0, "attention.S2.S1+1", 0.0),
        ],
        columns=["layer", "head", "criterion", "value"],
    ).assign(ci_low=0.0, ci_high=1.0, n=8)
    # Rows are in the order of roles, not of layers.
    roles = pd.DataFrame(
        {"layer": [0, 1], "head": [1, 0], "role": ["induction", "name mover"]}
    )
    fig, _ = attention_targets.draw(evidence, roles)
    ax = fig.axes[0]
    names, columns = (
        [label.get_text() for label in axis.get_ticklabels()]
        for axis in (ax.yaxis, ax.xaxis)
    )
    assert names == ["L1H0", "L0H1"]
    written = {
        (names[int(text.get_position()[1])], columns[int(text.get_position()[0])]): (
            text.get_text()
        )
        for text in ax.texts
    }
    assert written == {
        ("L1H0", "END→IO"): "0.50",
        ("L1H0", "S2→S1+1"): "0.00",
        ("L0H1", "END→IO"): "0.25",
        ("L0H1", "S2→S1+1"): "0.75",
    }
    shown = ax.collections[0].get_array()
    np.testing.assert_array_equal(shown, [[0.5, 0.0], [0.25, 0.75]])


def test_each_head_is_paired_with_itself():
    pairs = necessity_sufficiency.paired_effects(FOUR, ROLES_OF_FOUR, "output")
    assert list(pairs["denoising_effect"]) == [0.1, -0.4, 0.4, 0.0]
    assert list(pairs["noising_effect"]) == [0.2, 0.3, 0.0, 0.0]


def test_the_strongest_heads_are_named_and_none_in_the_crowd():
    pairs = pd.DataFrame(
        {
            "layer": [0, 1, 2, 3],
            "head": 0,
            "denoising_effect": [0.8, 0.1, -0.79, 0.001],
            "noising_effect": [0.5, 0.6, -0.5, 0.001],
        }
    )
    names = necessity_sufficiency.names(pairs, top=4)
    assert [name.text for name in names] == ["L0H0", "L2H0", "L1H0"]


def test_one_direction_alone_cannot_be_paired():
    only = FOUR[FOUR["direction"] == "noising"]
    with pytest.raises(ValueError, match="not measured in both directions"):
        necessity_sufficiency.paired_effects(only, ROLES_OF_FOUR, "output")


def test_a_model_of_twelve_heads_can_be_drawn():
    table = synthetic_effects(n_layers=12, n_heads=12)
    fig, data = head_effects.draw(table)
    assert len(data) == 2 * 144
    assert fig.get_figwidth() == style.TEXT_WIDTH
    fig, _ = role_map.draw(synthetic_roles(12, 12))
    assert fig.get_figwidth() == style.TEXT_WIDTH


def test_estimates_are_marked_wherever_their_heads_are_named():
    effects = synthetic_effects()
    effects["confirmed"] = 1
    top = (effects["layer"] == 24) & (effects["head"] == 4)
    effects.loc[top, "confirmed"] = 0
    for module, tables in (
        (head_effects, (effects,)),
        (top_heads, (effects, synthetic_roles())),
        (necessity_sufficiency, (effects, synthetic_roles())),
    ):
        fig, _ = module.draw(*tables)
        fig.draw_without_rendering()
        texts = [text.get_text() for ax in fig.axes for text in ax.findobj(plt.Text)]
        named = {text for text in texts if text.endswith("L24H4")}
        assert named == {"≈L24H4"}
        assert any(text.startswith("L") for text in texts)


def test_estimates_at_single_positions_are_not_drawn():
    """Neither is the estimate of a head that was not patched among the strongest."""
    table = FOUR[FOUR["layer"] == 0].assign(position="END", confirmed=1)
    larger = FOUR[FOUR["layer"] == 1].assign(position="END", confirmed=0, effect=0.9)
    _, data = position_effects.draw(pd.concat([table, larger]), top=3)
    assert sorted(set(zip(data["layer"], data["head"], strict=True))) == [
        (0, 0),
        (0, 1),
    ]
    assert data["effect"].abs().max() == 0.4
