"""Each resample finds its own receivers: probabilities on a planted model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from head_patching.patching.effects import Importance
from head_patching.patching.runs import run_pairs
from head_patching.planted.circuit import draw_circuit
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import read_criteria
from head_patching.roles.draws import Draws
from head_patching.roles.evidence import measure_evidence
from head_patching.roles.groups import TraceRules
from head_patching.roles.paths import trace_paths
from head_patching.roles.resampled_paths import retrace_paths
from head_patching.roles.retrace import judge_paths
from head_patching.roles.stability import probabilities
from head_patching.roles.tracer import tracer
from head_patching.statistics import Statistics
from head_patching.tasks import find_task
from head_patching.tasks.ioi import ioi_pairs
from tests.planted_models import planted_model

CRITERIA = read_criteria(Path(__file__).parents[2] / "config" / "roles" / "ioi.yaml")
IMPORTANCE = Importance(0.02, 0.05)
N_PAIRS, N_DRAWS = 16, 60


def circuit(role):
    return [(head.layer, head.head) for head in draw_circuit(3, "gpt2")[role]]


@pytest.fixture(scope="module")
def measured():
    """A planted model, its tracer and evidence."""
    model = planted_model("gpt2")
    pairs = {name: ioi_pairs(model.tokenizer, N_PAIRS, name) for name in ("abc",)}
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for batch in run_pairs(model, pairs["abc"], N_PAIRS)
    )
    evidence = measure_evidence(model, pairs["abc"], batches, seed=0)
    return tracer(model, pairs), evidence


def classifier(**thresholds):
    """The criteria with other thresholds: of a role and a criterion."""
    rows = [
        replace(
            row, threshold=thresholds.get(f"{row.role}/{row.criterion}", row.threshold)
        )
        if row.comparison in (">=", "effect >=")
        else row
        for row in CRITERIA
    ]
    return Classifier(rows, IMPORTANCE, Statistics(0, 5000, 0))


def effect_of(trace, evidence, of):
    """Of each S-inhibition head on name movers' queries: the best answer."""
    rules = TraceRules(3, 1, 0, 0)
    found = trace_paths(trace, evidence, of, rules)
    head = circuit("S-inhibition")[0]
    stage = found.stages[0]
    return max(
        each.values[head].mean() / each.scale.mean()
        for each in stage.measured
        if each.known[head]
    )


def test_a_role_hangs_on_receivers_that_resamples_find_or_do_not(measured):
    """One name mover is found in about half of the resamples.

    With both as receivers an S-inhibition head does enough, with one of them it does
    not. Receivers found on all prompts are both: given them the role is sure.
    """
    trace, evidence = measured
    direct = trace.path("path.logits", "logits")
    effects = direct.values.mean(axis=-1) / direct.scale.mean()
    movers = sorted(circuit("name mover"), key=lambda head: effects[head])
    weak = effects[movers[0]]
    assert effects[movers[1]] > weak + 0.05
    both = {"name mover/path.logits": float(weak) - 1e-9}
    one = {"name mover/path.logits": float(weak) + 1e-3}
    large = effect_of(trace, evidence, classifier(**both))
    small = effect_of(trace, evidence, classifier(**one))
    assert small < 0.8 * large
    between = {"S-inhibition/stage.name_mover_queries": float((small + large) / 2)}
    of = classifier(**both, **between)

    def probability(receiver_sets):
        rules = TraceRules(3, 1, receiver_sets, 0)
        traced = trace_paths(trace, evidence, of, rules)
        known = [*evidence, traced.measured[0]]
        draws = Draws.of(known, of.criteria, IMPORTANCE, N_DRAWS, seed=0)
        added, left_over = retrace_paths(trace, traced, evidence, of, rules, draws)
        # What the command that classifies reads is enough to find the same.
        again = Draws.of(known, of.criteria, IMPORTANCE, N_DRAWS, seed=0)
        kept = [each for each in [*traced.measured, *added] if each.given]
        assert judge_paths(again, trace.tracing, kept) == left_over
        assert np.array_equal(again.met, draws.met)
        names = list(dict.fromkeys(row.role for row in of.criteria))
        table = probabilities(draws.roles(), names).set_index(["layer", "head", "role"])
        shares = table["probability"]
        conditional = Draws.of(
            [*evidence, *traced.measured], of.criteria, IMPORTANCE, N_DRAWS, seed=0
        )
        given = probabilities(conditional.roles(), names)
        given = given.set_index(["layer", "head", "role"])["probability"]
        head = (*circuit("S-inhibition")[0], "S-inhibition")
        weak = (*movers[0], "name mover")
        return shares[head], given[head], shares[weak], left_over[0]

    retraced, conditional, found, left_over = probability(receiver_sets=4)
    assert conditional > 0.9
    assert 0.25 < found < 0.75
    assert retraced == pytest.approx(found, abs=0.1)
    assert (left_over.n_sets, left_over.n_left_over) == (2, 0)
    # Without any further set, resamples with one name mover are left over.
    retraced, _, _, left_over = probability(receiver_sets=0)
    assert left_over.n_left_over == round((1 - found) * N_DRAWS)
    assert retraced == pytest.approx(found, abs=0.1)


def test_corruptions_of_which_there_are_no_pairs_are_not_asked(measured):
    trace, evidence = measured
    traced = trace_paths(trace, evidence, classifier(), TraceRules(3, 1, 0, 0))
    asked = {each.question.corruption for each in traced.stages[0].measured}
    assert asked == {"abc"}
    assert set(find_task("ioi").tracing.corruptions) > asked
