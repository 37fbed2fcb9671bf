"""Paths into receivers that only resamples find, measured for them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from head_patching.roles.classifier import Classifier
from head_patching.roles.draws import Draws
from head_patching.roles.groups import TraceRules
from head_patching.roles.measured import Measured
from head_patching.roles.paths import Traced, knocked_out
from head_patching.roles.retrace import LeftOver, retrace
from head_patching.roles.stage_effects import measure_stage
from head_patching.roles.stages import KNOCKED_OUT, Ends, ends_key, heads_key
from head_patching.roles.tracer import Tracer
from head_patching.tasks.task import Step
from head_patching.terms import Head


def retrace_paths(
    trace: Tracer,
    traced: Traced,
    evidence: Sequence[Measured],
    classifier: Classifier,
    rules: TraceRules,
    draws: Draws,
) -> tuple[list[Measured], list[LeftOver]]:
    """Paths into receivers that only resamples find, and the draws left over.

    They are asked the questions to which the group of that step mattered, and a
    knock-out of the heads alone that may have a role by it, which are then its family
    of tests.

    Parameters
    ----------
    trace, evidence, classifier, rules
        As in `trace_paths`.
    traced
        What it gave.
    draws
        In which the evidence and the path to the logits are judged.
    """
    known = [*evidence, *traced.measured]
    measured_of = {
        (stage.step.criterion, ends_key(stage.ends)): list(stage.measured)
        for stage in traced.stages
    }
    worth_asking = {
        stage.step.criterion: [each.question for each in stage.answers if each.matters]
        for stage in traced.stages
    }
    # Heads that may have a role that asks for effects of the knock-out.
    backups = sorted(
        {
            head
            for row in classifier.criteria
            if row.criterion in KNOCKED_OUT
            for head in classifier.candidates(row.role, known)
        }
    )
    # The null of the group was passed with the receivers that were found.
    rules = replace(rules, random_groups=0)
    n_sets: Counter[str] = Counter()
    added: list[Measured] = []

    def once(
        criterion: str, key: str, measure: Callable[[], Sequence[Measured]]
    ) -> Sequence[Measured] | None:
        if not key:
            return []
        if (criterion, key) not in measured_of:
            if n_sets[criterion] >= rules.receiver_sets:
                return None
            n_sets[criterion] += 1
            found = [replace(each, retraced=True) for each in measure()]
            measured_of[criterion, key] = found
            added.extend(found)
        return measured_of[criterion, key]

    def stage(step: Step, ends: Ends) -> Sequence[Measured] | None:
        return once(
            step.criterion, ends_key(ends),
            lambda: measure_stage(
                trace, step, ends, known, classifier, rules,
                only=worth_asking[step.criterion],
            ).measured,
        )  # fmt: skip

    def without(heads: Sequence[Head]) -> Sequence[Measured] | None:
        return once(
            KNOCKED_OUT[0], heads_key(heads),
            lambda: knocked_out(trace, heads, backups),
        )  # fmt: skip

    for each in traced.measured:
        if each.criterion in KNOCKED_OUT:
            measured_of.setdefault((KNOCKED_OUT[0], each.given), []).append(each)
    left_over = retrace(draws, trace.tracing, stage, without)
    return added, left_over
