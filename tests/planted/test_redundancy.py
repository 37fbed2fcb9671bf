"""Planted redundancy: each head of a role does the whole job, and all are needed.

Everything is measured by ablation and by patching outputs: what the weights are meant
to do is not looked at.
"""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from head_patching.metrics import logit_diff
from head_patching.models.attending import Attention
from head_patching.models.transformer import embed, unembed
from head_patching.patching.head_sets import sweep_sets
from head_patching.patching.readout import answer_tokens, logit_diffs
from head_patching.patching.runs import run_pairs
from head_patching.planted.circuit import (
    ARCHITECTURES,
    DECOYS,
    ROLES,
    UPSTREAM,
    WIRINGS,
    PlantedModel,
    draw_stages,
)
from head_patching.planted.decoys import decoys
from head_patching.planted.in_memory import planted_in_memory
from head_patching.planted.truth import edges, groups, truth
from head_patching.tasks.ioi import ioi_pairs
from head_patching.tasks.vocabulary import WORDS

N_PAIRS = 12


@cache
def made(planted):
    """The model, and the same prompts for all."""
    return planted_in_memory(planted, WORDS)


def of(planted, *roles):
    return [(h.layer, h.head) for role in roles for h in planted.circuit[role]]


def patched(planted, head_sets, corruption="abc", source="corrupt"):
    """Mean logit_diff of the clean run with the outputs of sets of heads replaced.

    By those of the corrupt run, or by zero. The last value is of the clean run itself.
    """
    model = made(planted)
    pairs = ioi_pairs(model.tokenizer, N_PAIRS, corruption)
    found = np.empty((len(head_sets) + 1, N_PAIRS))
    with torch.inference_mode():
        for batch in run_pairs(model, pairs, N_PAIRS):
            z = batch.corrupt.z if source == "corrupt" else 0 * batch.clean.z
            final = sweep_sets(model, batch.clean, z, head_sets)
            found[:-1, batch.indices] = logit_diffs(model, pairs, batch, final)
            answers = answer_tokens(model, pairs, batch.indices)
            found[-1, batch.indices] = logit_diff(batch.clean.final_logits, *answers)
    return found.mean(axis=1)


models = st.builds(
    PlantedModel,
    st.sampled_from(ARCHITECTURES),
    st.integers(0, 10_000),
    redundancy=st.integers(2, 3),
    attention=st.just("saturated"),
    wiring=st.sampled_from(WIRINGS),
)
few = settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # a smaller seed explains nothing
)


@few
@given(models)
def test_one_head_of_each_group_is_enough_and_none_is_not(planted):
    left = []
    for group in groups(planted)[:3]:
        left += [[h for h in group.heads if h != kept] for kept in group.heads]
        if group.roles == ("previous token",):  # the other way to do the same job
            left = [[*lost, *of(planted, "duplicate token")] for lost in left]
    *alone, clean = patched(planted, left, source="zero")
    assert min(alone) > 0.75 * clean, planted
    previous = [*of(planted, "previous token"), *of(planted, "duplicate token")]
    lost = [previous, *(group.heads for group in groups(planted)[1:3])]
    *none, clean = patched(planted, lost, source="zero")
    assert max(none) < 0.4 * clean, planted


@few
@given(models)
def test_patched_alone_they_seem_idle(planted):
    heads = [[head] for head in of(planted, *UPSTREAM)]
    parallel = of(planted, "duplicate token", "induction")
    *alone, together, all_inhibiting, clean = patched(
        planted, [*heads, parallel, of(planted, "S-inhibition")]
    )
    assert max(abs(clean - each) for each in alone) < 0.15 * clean, planted
    assert together < 0.4 * clean, planted
    assert all_inhibiting < 0.4 * clean, planted


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_majority_decides_what_is_inhibited(architecture):
    """Under the exchange, S-inhibition heads that are patched point at IO."""
    planted = PlantedModel(architecture, 5, 0.0, (), 3, "saturated")
    first, second, third = of(planted, "S-inhibition")
    sets = [[first], [first, second], [first, second, third]]
    one, two, three, clean = patched(planted, sets, "s2_io_flip")
    assert one == pytest.approx(clean, rel=0.05)
    assert two == pytest.approx(three, rel=0.05)
    assert three < -0.8 * clean


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_soft_models_feel_one_head_of_two(architecture):
    planted = PlantedModel(architecture, 5, 0.0, (), 2, "soft", "token")
    *alone, clean = patched(planted, [[h] for h in of(planted, "S-inhibition")])
    assert all(0.02 * clean < clean - each < 0.5 * clean for each in alone)


@pytest.mark.parametrize("redundancy", [1, 2, 3])
@pytest.mark.parametrize("wiring", WIRINGS)
def test_there_are_as_many_heads_as_asked_for(redundancy, wiring):
    planted = PlantedModel(
        "llama", 4, redundancy=redundancy, wiring=wiring, n_layers=10, n_heads=12
    )
    for role in UPSTREAM:
        many = 2 if wiring == "separate" and role == "S-inhibition" else 1
        assert len(planted.circuit[role]) == many * redundancy
        assert {head.strength for head in planted.circuit[role]} == {1.0}
    signals = {head.signal for head in planted.circuit["S-inhibition"]}
    assert signals == ({"place", "token"} if wiring == "separate" else {None})
    drawn = [head for heads in planted.circuit.values() for head in heads]
    assert all(head.layer < 10 and head.head < 12 for head in drawn)


def test_a_circuit_without_room_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="22 heads needs 9 layers, got 8"):
        draw_stages(rng, [4, 5, 6, 4, 3], room=3, n_layers=8)


def run_with(model, pair, writes):
    """logit_diff of a clean prompt; heads write only where `writes` is True."""
    tokens = torch.tensor([pair.clean_tokens])
    resid, places = embed(model, tokens), model.places(0, tokens.shape[1])
    for layer, written in zip(model.layers, writes, strict=True):
        attention = Attention(layer, None, None)

        def attend(q, k, v, attention=attention, written=written):
            return attention(q, k, v) * written[None, :, :, None]

        resid = layer.through(resid, places, attend)
    logits = unembed(model, resid[0, -1])
    return float(logits[pair.answer_token] - logits[pair.wrong_answer_token])


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_but_what_the_truth_names_is_read(architecture, wiring):
    """Without noise, all heads are silenced where no edge leaves them."""
    planted = PlantedModel(architecture, 2, 0.0, (), 2, "saturated", wiring)
    model, record = made(planted), truth(planted)
    named = [h for heads in record["roles"].values() for h in heads]
    named += record["helpers"]
    for pair in ioi_pairs(model.tokenizer, 6):
        n_positions = len(pair.clean_tokens)
        shape = model.config.n_layers, n_positions, model.config.n_heads
        writes = torch.zeros(shape, dtype=torch.bool)
        for head in named:
            for name in head["positions"]:
                writes[head["layer"], pair.positions[name], head["head"]] = True
        whole = run_with(model, pair, torch.ones(shape, dtype=torch.bool))
        assert run_with(model, pair, writes) == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_senders_lie_below_receivers(architecture):
    for seed in range(10):
        planted = PlantedModel(architecture, seed, redundancy=2, wiring="place")
        layers = {role: [h.layer for h in hs] for role, hs in planted.circuit.items()}
        for helper in truth(planted)["helpers"]:
            layers[helper["attends"]] = [helper["layer"]]
        for edge in edges(planted):
            if edge.receiver != "logits":
                assert max(layers[edge.sender]) < min(layers[edge.receiver]), edge


@pytest.mark.parametrize("redundancy", [None, 2])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_decoys_do_what_their_kind_says(architecture, redundancy):
    attention = "soft" if redundancy is None else "saturated"
    planted = PlantedModel(
        architecture, 1, 0.0, (), redundancy, attention, decoys=tuple(DECOYS)
    )
    model, drawn = made(planted), decoys(planted)
    assert {decoy.kind for decoy in drawn} == set(DECOYS)
    in_circuit = set(of(planted, *planted.circuit))
    assert not in_circuit & {(decoy.layer, decoy.head) for decoy in drawn}
    pair = ioi_pairs(model.tokenizer, 1)[0]
    pattern = model.run(torch.tensor([pair.clean_tokens])).pattern[:, 0]
    for decoy in drawn:
        query, key = (pair.positions[name] for name in ROLES[decoy.role])
        if decoy.kind == "effect":
            key = query
        if decoy.kind in ("copying", "rescaling"):
            query, key = pair.positions["END"], pair.positions["S2"]
        attended = float(pattern[decoy.layer, decoy.head, query, key])
        assert attended > 0.8, decoy
    silent = [[(d.layer, d.head)] for d in drawn]
    *changed, clean = patched(planted, silent, source="zero")
    by_kind = dict.fromkeys(DECOYS, 0.0)
    for decoy, value in zip(drawn, changed, strict=True):
        by_kind[decoy.kind] = max(by_kind[decoy.kind], abs(value / clean - 1))
    assert by_kind["attention"] < 0.02
    assert by_kind["copying"] > 0.05
    assert by_kind["rescaling"] > 0.05
