"""The comparison of models, from synthetic results that can be counted."""

import pytest

from figures import model_roles, style
from head_patching.reporting.models import (
    comparison_numbers,
    model_roles_table,
    models_table,
)
from head_patching.roles.model_comparison import compare_models, roles_in_depth
from tests.reporting.given import body
from tests.reporting.synthetic_models import MODELS, synthetic_experiments


@pytest.fixture
def alone(tables):
    """Tables of a run with one model."""
    return tables.but(
        models=tables["models"].head(0), model_roles=tables["model_roles"].head(0)
    )


def test_a_row_for_each_task_and_model():
    table = compare_models(synthetic_experiments())
    assert table["model"].tolist() == 2 * list(MODELS)
    assert table["task"].tolist() == ["ioi"] * 3 + ["induction"] * 3
    small = table.iloc[2]
    assert (small["n_layers"], small["n_heads"]) == (8, 8)
    assert (small["denoising_important"], small["noising_important"]) == (2, 1)
    assert small["denoising_share"] == 2 / 64
    # Of |effects| that add up to 1, the three strongest of 64: 0.75 and one of 62 rest.
    assert small["denoising_concentration"] == pytest.approx(0.75 + 0.25 / 62)
    assert small["n_with_role"] == 1
    assert table.iloc[0]["n_with_role"] == 2
    assert set(table["n_undecided"]) == {1}


def test_depth_is_relative_to_the_last_layer():
    table = roles_in_depth(synthetic_experiments())
    movers = table[table["role"] == "name mover"]
    assert movers[["layer", "head"]].to_numpy().tolist() == [[24, 1], [9, 1]]
    assert movers["depth"].tolist() == pytest.approx([24 / 29, 9 / 11])
    assert set(table["role"]) == {"name mover", "induction", "undecided"}
    assert table.loc[table["role"] == "undecided", "effect"].tolist() == [0.5] * 6


def test_nothing_is_compared_with_one_model(alone):
    assert compare_models([]).empty
    assert roles_in_depth([]).empty
    numbers = alone.call(comparison_numbers)
    assert numbers["models/several"] == "false"
    for table in (models_table, model_roles_table):
        assert [line[0] for line in body(alone.call(table))] == ["none"]


def test_numbers_name_the_extremes_and_shared_roles(tables, alone):
    numbers = tables.call(comparison_numbers)
    assert set(numbers) == set(alone.call(comparison_numbers))
    assert numbers["models/several"] == "true"
    assert numbers["models/n"] == "three"
    assert numbers["models/ioi/logit-diff/lowest"] == r"\ensuremath{+1.90}"
    assert numbers["models/ioi/logit-diff/lowest-model"] == "planted"
    assert numbers["models/ioi/logit-diff/highest-model"] == "SmolLM2-135M-Instruct"
    assert numbers["models/ioi/share/highest"] == "3"
    assert numbers["models/ioi/roles/in-all"] == "induction"
    assert numbers["models/ioi/roles/in-some"] == "name mover"
    assert numbers["models/induction/roles/any-in-some"] == "false"


def test_the_tables(tables):
    lines = body(models_table(tables["models"]))
    assert len(lines) == 6
    assert lines[1][1:3] == ["GPT-2 small", r"$12 \times 12$"]
    assert lines[1][6] == r"2 (1\,\%)"
    roles = body(tables.call(model_roles_table))
    assert roles[0] == [
        "ioi", "name mover", "SmolLM2-135M-Instruct", "1", "0.83", "L24H1"
    ]  # fmt: skip
    assert roles[2][2:] == ["planted", "0", "--", "--"]


def test_each_model_has_a_lane_of_its_own(tables):
    models = list(MODELS)
    rows = model_roles.placed(tables["model_roles"], models)
    lanes = rows[rows["role"] == "induction"].groupby("model")["y"].unique()
    assert [len(lane) for lane in lanes] == [1, 1, 1]
    assert len({float(lane[0]) for lane in lanes}) == 3
    fig, data = model_roles.draw(tables["model_roles"])
    assert fig.get_figwidth() == style.TEXT_WIDTH
    assert len(data) == len(tables["model_roles"])
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == models
