"""Evidence along paths: from each head to heads whose role is already known.

The circuit is traced backwards from the answer, as Wang et al. 2022 (arXiv 2211.00593,
section 3) do it, by the steps that the task lists (`tasks.task.Tracing`). At each step
the heads found before are the receivers of the next. For indirect objects these are:

1. `path.logits`: head -> logits, the direct effect; with attention it identifies the
   name movers;
2. `path.name_mover_queries`: head -> name movers' queries at END: S-inhibition;
3. `path.s_inhibition_values`: head -> S-inhibition heads' values at S2: duplicate-token
   and induction heads;
4. `path.induction_keys`: head -> induction heads' keys at S1+1: previous-token heads;
5. `knocked_out.effect`: the effect at END with the name movers knocked out, and
   `knocked_out.interaction`, that less the effect with them in place: backups.

These are noising effects with the task's corruption for tracing, as fractions of the
difference in logit_diff; positive: the head helps the answer along this path. Signals,
such as `signal.position` and `signal.token`, are the effects along one step's paths
with a corruption that changes one signal only (paper: appendix A).

Roles rest on `stage.name_mover_queries` and the like instead: effects along the same
paths of the candidates alone, by several questions and in groups, so that redundant
heads are found (`roles.stages`, `roles.groups`).

A step without receivers is not measured: its values are empty, and no head meets a
criterion on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import require_criteria
from head_patching.roles.groups import (
    TraceRules,
)
from head_patching.roles.measured import Measured
from head_patching.roles.stage_effects import Stage, measure_stage
from head_patching.roles.stages import (
    KNOCKED_OUT,
    ends_of,
    heads_key,
)
from head_patching.roles.tracer import Tracer
from head_patching.terms import Head


@dataclass(frozen=True)
class Traced:
    """All evidence along paths."""

    measured: Sequence[Measured]
    stages: Sequence[Stage]


def trace_paths(
    trace: Tracer,
    evidence: Sequence[Measured],
    classifier: Classifier,
    rules: TraceRules,
    on_step: Callable[[str], None] = lambda step: None,
) -> Traced:
    """The evidence along paths on which roles rest, stage by stage.

    Parameters
    ----------
    trace
        From `tracer`.
    evidence
        From `measure_evidence`.
    classifier
        Finds the receivers of each stage, and its candidates, by their criteria.
    rules
        How groups are measured.
    on_step
        Called with a line about each step before it is measured.

    Raises
    ------
    ValueError
        When there are criteria, but not for the role of a step.
    """
    require_criteria(classifier.criteria, trace.tracing.roles)
    on_step("path to the logits")
    paths, tracing = [trace.path("path.logits", "logits")], trace.tracing
    stages: dict[str, Stage] = {}
    for step in tracing.steps:
        known = [*evidence, *paths]
        ends = ends_of(step, tracing, classifier, known)
        stage = measure_stage(trace, step, ends, known, classifier, rules, on_step)
        paths += stage.measured
        stages[step.criterion] = stage

    def found(role: str) -> list[Head]:
        return classifier.heads_with(role, [*evidence, *paths])

    if tracing.knocked_out:
        heads = found(tracing.knocked_out)
        on_step(f"knock-out of {len(heads)} heads: {tracing.knocked_out}")
        paths += knocked_out(trace, heads)
    for signal in tracing.signals:
        ends, heads = stages[signal.step].receivers, found(signal.senders)
        on_step(f"{signal.criterion} of {len(heads)} heads: {signal.senders}")
        paths.append(
            trace.path(signal.criterion, ends, signal.corruption, heads)
            if ends and heads and signal.corruption in trace.pairs
            else trace.nothing(signal.criterion)
        )
    return Traced(paths, list(stages.values()))


def knocked_out(
    trace: Tracer, heads: Sequence[Head], others: Sequence[Head] | None = None
) -> list[Measured]:
    """The evidence with some heads knocked out, empty without any.

    Of all other heads, or of some.
    """
    measured = [trace.nothing(criterion) for criterion in KNOCKED_OUT]
    if heads and set(trace.model.config.heads if others is None else others) - {*heads}:
        measured = trace.knock_out(heads, others)
    return [replace(each, given=heads_key(heads)) for each in measured]


def sweep_steps(
    trace: Tracer,
    stages: Sequence[Stage],
    on_step: Callable[[str], None] = lambda step: None,
) -> list[Measured]:
    """The noising effect of every head along the path of every step."""
    swept = []
    for stage in stages:
        on_step(f"{stage.step.criterion} of all heads")
        ends, criterion = stage.receivers, stage.step.criterion
        swept.append(trace.path(criterion, ends) if ends else trace.nothing(criterion))
    return swept
