"""Paths traced in a planted model without noise: the chain finds what was planted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from head_patching.patching.effects import Importance, TaskNotDone
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.runs import run_pairs
from head_patching.planted.circuit import draw_circuit
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import read_criteria
from head_patching.roles.evidence import measure_evidence
from head_patching.roles.groups import TraceRules
from head_patching.roles.paths import sweep_steps, trace_paths
from head_patching.roles.tracer import tracer
from head_patching.statistics import Statistics
from head_patching.tasks import find_task
from head_patching.tasks.ioi import ioi_pairs
from tests.planted_models import planted_model

CRITERIA = read_criteria(Path(__file__).parents[2] / "config" / "roles" / "ioi.yaml")
IMPORTANCE = Importance(0.02, 0.05)
CLASSIFIER = Classifier(CRITERIA, IMPORTANCE, Statistics(0, 5000, 0))
RULES = TraceRules(random_groups=5, random_orders=1, receiver_sets=0, seed=0)
N_PAIRS = 16

STAGES = [
    "stage.name_mover_queries", "stage.s_inhibition_values", "stage.induction_keys",
]  # fmt: skip
PATHS = ["path.name_mover_queries", "path.s_inhibition_values", "path.induction_keys"]
KNOCKED_OUT = ["knocked_out.effect", "knocked_out.interaction"]
SIGNALS = ["signal.position", "signal.token"]


def heads_of(role):
    return [(head.layer, head.head) for head in draw_circuit(3, "gpt2")[role]]


def evidence_of(model, pairs):
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for batch in run_pairs(model, pairs["abc"], N_PAIRS)
    )
    return measure_evidence(model, pairs["abc"], batches, seed=0)


@pytest.fixture(scope="module")
def pairs():
    """Pairs of every corruption that tracing needs."""
    tokenizer = planted_model("gpt2").tokenizer
    return {
        name: ioi_pairs(tokenizer, N_PAIRS, name)
        for name in find_task("ioi").tracing.corruptions
    }


@pytest.fixture(scope="module")
def traced(pairs):
    """The tracer, the evidence it starts from, what it measured, and its steps."""
    model, steps = planted_model("gpt2"), []
    trace, evidence = tracer(model, pairs), evidence_of(model, pairs)
    found = trace_paths(trace, evidence, CLASSIFIER, RULES, steps.append)
    swept = sweep_steps(trace, found.stages)
    paths = {
        each.criterion: each
        for each in [*found.measured, *swept]
        if each.criterion not in STAGES
    }
    return trace, [*evidence, *of_stages(found)], paths, steps


def of_stages(found):
    """The answers to the questions of all stages."""
    return [each for each in found.measured if each.criterion in STAGES]


def roles_found(measured):
    roles, _ = CLASSIFIER.classify(measured, CRITERIA)
    return {
        (row.layer, row.head, row.role)
        for row in roles.itertuples()
        if row.role not in ("no role", "undecided")
    }


def test_the_chain_finds_exactly_the_planted_heads(traced):
    _, evidence, paths, steps = traced
    planted = {
        (head.layer, head.head, role)
        for role, heads in draw_circuit(3, "gpt2").items()
        for head in heads
    }
    assert roles_found([*evidence, *paths.values()]) == planted
    # Each step starts from all heads of its role, no more.
    counts = {
        "path.name_mover_queries": "name mover",
        "path.s_inhibition_values": "S-inhibition",
        "path.induction_keys": "induction",
    }
    for criterion, role in counts.items():
        start = f"{criterion}: {len(heads_of(role))} receivers, "
        assert any(step.startswith(start) for step in steps)


def test_what_writes_nothing_has_no_effect_by_any_path(traced):
    _, _, paths, _ = traced
    assert list(paths) == ["path.logits", *KNOCKED_OUT, *SIGNALS, *PATHS]
    planted = {
        (head.layer, head.head)
        for heads in draw_circuit(3, "gpt2").values()
        for head in heads
    }
    for name in ("path.logits", *PATHS):
        each = paths[name]
        values = each.values.mean(axis=-1) / each.scale.mean()
        for head in np.ndindex(8, 8):
            if head not in planted:
                assert abs(values[head]) < 1e-5, (name, head)
                assert not each.tested[head], (name, head)


def test_heads_reach_only_what_comes_after_them(traced):
    _, _, paths, _ = traced
    receivers = {"path.s_inhibition_values": "S-inhibition"}
    receivers["path.induction_keys"] = "induction"
    for name, role in receivers.items():
        last = max(layer for layer, _ in heads_of(role))
        assert not paths[name].tested[last:].any()
        assert (paths[name].values[last:] == 0).all()


def test_effects_are_shares_of_the_abc_difference(traced, pairs):
    trace, _, paths, _ = traced
    model, clean_less_corrupt = planted_model("gpt2"), []
    for pair in pairs["abc"]:
        of_run = []
        for tokens in (pair.clean_tokens, pair.corrupt_tokens):
            logits = model.run(torch.tensor([tokens])).final_logits[0]
            of_run.append(logits[pair.answer_token] - logits[pair.wrong_answer_token])
        clean_less_corrupt.append(float(of_run[0] - of_run[1]))
    np.testing.assert_allclose(trace.steps.scale, clean_less_corrupt, atol=1e-4)
    for each in paths.values():
        assert each.scale is trace.steps.scale
        assert tuple(each.groups) == pairs["abc"].templates


def test_knocked_out_heads_are_not_measured_and_backups_step_in(traced):
    _, _, paths, _ = traced
    movers, backups = heads_of("name mover"), heads_of("backup name mover")
    for name in KNOCKED_OUT:
        unknown = {tuple(head) for head in np.argwhere(~paths[name].known)}
        assert unknown == set(movers)
        assert not paths[name].tested[tuple(np.array(movers).T)].any()
    effect, interaction = (paths[name].values.mean(axis=-1) for name in KNOCKED_OUT)
    for head in backups:  # idle before, so the interaction is all they do
        assert interaction[head] == pytest.approx(effect[head], rel=0.1)
    ranked = sorted(
        np.ndindex(8, 8), key=lambda head: -np.nan_to_num(interaction)[head]
    )
    assert set(ranked[: len(backups)]) == set(backups)


def test_signals_of_s_inhibition_heads_alone(traced):
    _, _, paths, _ = traced
    inhibiting = heads_of("S-inhibition")
    totals = []
    for name in SIGNALS:
        known = {tuple(head) for head in np.argwhere(paths[name].known)}
        assert known == set(inhibiting)
        totals.append(sum(paths[name].values[head].mean() for head in inhibiting))
    position, token = totals
    # In this architecture the place counts twice as much as the token, and turning the
    # order around sends it to IO's place besides, where a fresh name is nowhere.
    assert position > 2 * token > 0


def test_without_name_movers_the_trace_goes_on_below_them(traced):
    """Nothing can be said of their queries, but S-inhibition heads still attend to S2.

    They are taken as receivers for what they look at, and what feeds them is found.
    """
    trace, evidence, _, _ = traced
    evidence = [each for each in evidence if each.criterion not in STAGES]
    impossible = [
        replace(row, threshold=2.0)
        if (row.role, row.criterion) == ("name mover", "copy_score")
        else row
        for row in CRITERIA
    ]
    classifier, steps = replace(CLASSIFIER, criteria=impossible), []
    found = trace_paths(trace, evidence, classifier, RULES, steps.append)
    known = {each.criterion: each.known.any() for each in found.measured}
    missing = [STAGES[0], *KNOCKED_OUT, *SIGNALS]
    assert [name for name, is_known in known.items() if not is_known] == missing
    assert "knock-out of 0 heads: name mover" in steps
    assert [stage.ends.found for stage in found.stages] == [False, False, True]
    assert set(heads_of("S-inhibition")) <= set(found.stages[1].ends.heads)
    roles, _ = classifier.classify([*evidence, *found.measured], impossible)
    held = roles[~roles["role"].isin(["no role", "undecided"])]
    expected = {
        (*head, role)
        for role in (
            "negative name mover", "duplicate token", "induction", "previous token"
        )
        for head in heads_of(role)
    }  # fmt: skip
    assert (
        set(held[["layer", "head", "role"]].itertuples(index=False, name=None))
        == expected
    )


def test_in_a_model_without_name_movers_backups_stand_in_for_them(pairs):
    """They are found in their place, and all that inhibits them.

    One S-inhibition head is enough to keep a backup off S, so none has an effect alone:
    their shares of the group's effect show them.
    """
    model = planted_model("gpt2", without=("name mover",))
    evidence = evidence_of(model, pairs)
    found = trace_paths(tracer(model, pairs), evidence, CLASSIFIER, RULES)
    movers = {(*head, "name mover") for head in heads_of("backup name mover")}
    others = {
        (*head, role)
        for role in (
            "negative name mover", "S-inhibition", "duplicate token", "induction",
            "previous token",
        )
        for head in heads_of(role)
    }  # fmt: skip
    assert roles_found([*evidence, *found.measured]) == movers | others


def test_pairs_that_do_not_fit_are_run_in_parts(traced, pairs, monkeypatch):
    whole, _, paths, _ = traced
    assert whole.steps.batches is not None
    monkeypatch.setattr(HeadPatcher, "pairs_per_batch", lambda self, pairs: 7)
    parts = tracer(planted_model("gpt2"), pairs)
    assert parts.steps.batches is None
    np.testing.assert_allclose(parts.steps.scale, whole.steps.scale, atol=1e-4)
    values = parts.path("path.logits", "logits").values
    np.testing.assert_allclose(values, paths["path.logits"].values, atol=1e-4)


def test_pairs_that_do_not_belong_together_are_refused(pairs):
    model = planted_model("gpt2")
    with pytest.raises(ValueError, match="pairs of corruption 'abc', got renamed"):
        tracer(model, {"renamed": pairs["renamed"]})
    for n_pairs, seed in ((N_PAIRS, 1), (N_PAIRS - 1, 0)):
        other = ioi_pairs(model.tokenizer, n_pairs, "s1_io_flip", seed)
        message = "'s1_io_flip' are not those of 'abc': expected the same number"
        with pytest.raises(ValueError, match=message) as error:
            tracer(model, pairs | {"s1_io_flip": other})
        assert "\n" not in str(error.value)


def test_corrupt_prompts_with_the_same_answer_are_refused(pairs):
    # The answer does not change when the names change places: nothing to divide by.
    with pytest.raises(TaskNotDone, match="effects cannot be normalised"):
        tracer(planted_model("gpt2"), pairs | {"abc": pairs["s1_io_flip"]})
