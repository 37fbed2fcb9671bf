"""The draw of a planted circuit: complete, in order, and changed by its seed alone."""

import pytest

from head_patching.planted.circuit import (
    ARCHITECTURES,
    COUNTS,
    GROUP_SIZE,
    ROLES,
    STAGES,
    PlantedModel,
    draw_circuit,
)
from head_patching.planted.truth import truth

SEEDS = range(20)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_role_has_its_heads_and_no_head_two_roles(architecture):
    for seed in SEEDS:
        circuit = draw_circuit(seed, architecture)
        assert set(circuit) == set(ROLES)
        groups = []
        for role, heads in circuit.items():
            least, most = COUNTS[role]
            assert least <= len(heads) <= most
            assert sum(head.strength for head in heads) == pytest.approx(1, abs=1e-3)
            groups += [(h.layer, h.head // GROUP_SIZE[architecture]) for h in heads]
        assert len(set(groups)) == len(groups)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_stage_lies_above_what_it_reads(architecture):
    for seed in SEEDS:
        circuit = draw_circuit(seed, architecture)
        below = -1
        for roles in STAGES:
            layers = [head.layer for role in roles for head in circuit[role]]
            assert min(layers) > below
            below = max(layers)


def test_seeds_and_architectures_draw_differently():
    drawn = [
        str(draw_circuit(seed, architecture))
        for seed in SEEDS
        for architecture in ARCHITECTURES
    ]
    assert len(set(drawn)) == len(drawn)
    assert str(draw_circuit(3, "gpt2")) == str(draw_circuit(3, "gpt2"))


def test_leaving_a_role_out_leaves_the_others_where_they_are():
    whole, part = draw_circuit(4, "gpt2"), draw_circuit(4, "gpt2", ["induction"])
    assert set(whole) - set(part) == {"induction"}
    assert all(part[role] == whole[role] for role in part)
    with pytest.raises(ValueError, match="unknown role 'inducton'"):
        draw_circuit(4, "gpt2", ["inducton"])


def test_the_truth_says_where_each_head_looks():
    record = truth(PlantedModel("llama", 5))
    head = record["roles"]["S-inhibition"][0]
    assert (head["attends_from"], head["attends_to"]) == ("END", "S2")
    assert head["positions"] == ["END"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"redundancy": 4}, "redundancy is 4"),
        ({"redundancy": 0}, "redundancy is 0"),
        ({"decoys": ("atention",)}, "did you mean 'attention'"),
        ({"without": ("inducton",)}, "did you mean 'induction'"),
        ({"n_layers": 7}, "7 layers"),
        ({"n_heads": 9}, "9 heads"),
    ],
)
def test_a_model_that_cannot_be_made_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        PlantedModel(**{"architecture": "gpt2", "seed": 0} | wrong)
