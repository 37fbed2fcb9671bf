"""The tables of planted models: the scores say what was planted, and are complete."""

import numpy as np
import pytest

from head_patching.planted.circuit import ARCHITECTURES, draw_circuit
from head_patching.roles.inspection.edges import PAIR
from head_patching.roles.inspection.tables import induction_scores, inspect
from tests.planted_models import planted_model

SEED = 3


@pytest.fixture(scope="module", params=ARCHITECTURES)
def inspected(request):
    """The circuit and both tables of one model of each architecture."""
    model = planted_model(request.param, seed=SEED)
    return request.param, draw_circuit(SEED, request.param), *inspect(model, seed=0)


def value_of(by_head, criterion, layer, head):
    rows = by_head[by_head["criterion"] == criterion].set_index(["layer", "head"])
    return rows.loc[(layer, head), "value"]


def test_every_head_has_every_criterion_once(inspected):
    architecture, _, by_head, _ = inspected
    assert not by_head.duplicated(["layer", "head", "criterion"]).any()
    criteria = set(by_head["criterion"])
    assert len(by_head) == 64 * len(criteria)
    assert {"ov_copying", "ov_copy_names.mlp", "qk_same_token"} <= criteria
    assert ("qk_same_token.mlp.4" in criteria) == (architecture == "llama")
    # The first layer reads before the MLP.
    empty = by_head[by_head["value"].isna()]
    assert set(empty["layer"]) == {0}
    assert set(empty["criterion"]) == {name for name in criteria if ".mlp" in name}


def test_every_pair_has_every_kind_once(inspected):
    *_, by_pair = inspected
    assert not by_pair.duplicated(["kind", *PAIR]).any()
    assert set(by_pair["kind"]) == {"q", "k", "v", "match", "match.mlp"}
    assert len(by_pair) == 5 * 64 * 56 / 2
    assert (by_pair["layer"] < by_pair["later_layer"]).all()
    assert by_pair.notna().all(axis=None)


def held(circuit, role):
    return {(head.layer, head.head) for head in circuit[role]}


@pytest.mark.parametrize(
    ("criterion", "role"),
    [
        ("qk_previous_token", "previous token"),
        ("qk_induction", "induction"),
        ("ov_negative_copy_names", "negative name mover"),
    ],
)
def test_planted_heads_have_the_score_of_their_role_alone(inspected, criterion, role):
    _, circuit, by_head, _ = inspected
    rows = by_head[(by_head["criterion"] == criterion) & (by_head["value"] > 0.5)]
    assert set(zip(rows["layer"], rows["head"], strict=True)) == held(circuit, role)


def test_those_that_answer_copy_names(inspected):
    _, circuit, by_head, _ = inspected
    for layer, head in held(circuit, "name mover") | held(circuit, "backup name mover"):
        assert value_of(by_head, "ov_copy_names", layer, head) == 1
        assert value_of(by_head, "ov_positive_share", layer, head) > 0.99


def test_duplicate_token_heads_match_the_same_token(inspected):
    _, circuit, by_head, _ = inspected
    for layer, head in held(circuit, "duplicate token"):
        assert value_of(by_head, "qk_same_token", layer, head) > 0.9


def test_the_mean_over_distances(inspected):
    architecture, _, by_head, _ = inspected
    if architecture == "llama":
        by_criterion = by_head.pivot(
            index=["layer", "head"], columns="criterion", values="value"
        )
        each = by_criterion[[f"qk_same_token.{offset}" for offset in (1, 4, 16)]]
        np.testing.assert_allclose(
            by_criterion["qk_same_token"], each.mean(axis=1), atol=1e-6
        )


def test_induction_needs_both_shares_of_one_head():
    previous = np.zeros((3, 2))
    previous[0], previous[1, 0] = (0.9, 0.2), 0.5
    through = np.zeros((3, 2, 3, 2))
    through[0, 1, 2, 0] = 1.0  # matched, but that head hardly looks back
    through[1, 0, 2, 0] = 0.8
    expected = np.zeros((3, 2))
    expected[2, 0] = 0.4
    np.testing.assert_allclose(induction_scores(previous, through), expected)


def test_a_model_that_knows_no_names_is_refused(prepared):
    with pytest.raises(ValueError, match="expected at least 2 words that are single"):
        inspect(prepared[0], seed=0)
