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

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from head_patching.patching.receivers import Receivers
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import require_criteria
from head_patching.roles.groups import (
    GroupAnswer,
    TraceRules,
    all_shown,
    ask_group,
    with_shares,
)
from head_patching.roles.measured import Measured, effect
from head_patching.roles.questions import ALONE, WAYS, Question
from head_patching.roles.stages import (
    KNOCKED_OUT,
    Ends,
    ends_key,
    ends_of,
    heads_key,
    members_of,
    questions_of,
    stage_of,
)
from head_patching.roles.tracer import Tracer
from head_patching.tasks.task import Step
from head_patching.terms import Head


@dataclass(frozen=True)
class Stage:
    """What was measured at one stage.

    Parameters
    ----------
    step
        The step of the task's tracing.
    ends
        Its receivers.
    measured
        `stage.` effects of its candidates, one for each question.
    answers
        What each question found of the group.
    """

    step: Step
    ends: Ends
    measured: Sequence[Measured]
    answers: Sequence[GroupAnswer]

    @property
    def receivers(self) -> Receivers | None:
        """The inputs at which its paths end; None without receivers."""
        if not self.ends.heads:
            return None
        return Receivers(self.step.inputs, self.ends.heads, self.step.position)


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


def knocked_out(trace: Tracer, heads: Sequence[Head]) -> list[Measured]:
    """The evidence with some heads knocked out, empty without any."""
    measured = trace.knock_out(heads) if heads else map(trace.nothing, KNOCKED_OUT)
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


def measure_stage(
    trace: Tracer,
    step: Step,
    ends: Ends,
    known: Sequence[Measured],
    classifier: Classifier,
    rules: TraceRules,
    on_step: Callable[[str], None] = lambda step: None,
    only: Collection[Question] | None = None,
) -> Stage:
    """Ask every question of the candidates of a stage.

    Parameters
    ----------
    trace, classifier, rules, on_step
        As in `trace_paths`.
    step, ends
        The stage, and its receivers.
    known
        All that was measured before.
    only
        The questions worth asking (None: all); the others count as asked.
    """
    heads = members_of(step, ends, classifier, known)
    kind = "receivers" if ends.found else "receivers by attention alone"
    on_step(f"{step.criterion}: {len(ends.heads)} {kind}, {len(heads)} candidates")
    criterion, given = stage_of(step.criterion), ends_key(ends)
    if not heads:
        nothing = replace(trace.nothing(criterion), given=given)
        return Stage(step, ends, [nothing], [])
    receivers = Receivers(step.inputs, ends.heads, step.position)
    questions = [
        question
        for question in questions_of(trace.tracing, list(trace.pairs), ends)
        if trace.runs(question.corruption) is not None
    ]
    n_questions = len(questions)
    if only is not None:
        asked = {question._replace(silenced="") for question in only}
        questions = [q for q in questions if q._replace(silenced="") in asked]
    others = other_heads(trace, classifier, known, {*heads, *ends.heads})
    patches = [trace.patch_of(question, receivers, ends) for question in questions]
    templates, measures = trace.prompts.templates, (
        classifier.importance, classifier.statistics,
    )  # fmt: skip
    answers = [
        ask_group(
            heads, question, patch, trace.runs(question.corruption).scale, templates,
            others, *measures, rules,
        )
        for question, patch in zip(questions, patches, strict=True)
    ]  # fmt: skip
    n_asked = n_questions * (1 if len(heads) == 1 else len(WAYS))
    if answers and not all_shown(answers, templates, *measures, n_asked):
        answers = [
            with_shares(answer, patch, rules)
            for answer, patch in zip(answers, patches, strict=True)
        ]
    measured = [
        replace(
            of_heads(trace, criterion, heads, values, answer.scale),
            question=answer.question._replace(patched=way),
            n_asked=n_asked, given=given,
        )
        for answer in answers
        for way, values in answer.by_way().items()
        if way == ALONE or len(heads) > 1
    ]  # fmt: skip
    return Stage(step, ends, measured, answers)


def other_heads(
    trace: Tracer,
    classifier: Classifier,
    known: Sequence[Measured],
    members: set[Head],
) -> list[Head]:
    """The heads that are no candidates of any role: random groups are drawn from."""
    roles = dict.fromkeys(row.role for row in classifier.criteria)
    near = {head for role in roles for head in classifier.candidates(role, known)}
    return [head for head in trace.model.config.heads if head not in near | members]


def of_heads(
    trace: Tracer,
    criterion: str,
    heads: Sequence[Head],
    values: np.ndarray,
    scale: np.ndarray,
) -> Measured:
    """Contributions [head pair] of some heads as a criterion; the others' are empty."""
    config = trace.model.config
    everywhere = np.full((config.n_layers, config.n_heads, len(scale)), np.nan)
    layers, indices = np.array(heads).T
    everywhere[layers, indices] = values
    return effect(criterion, everywhere, scale, trace.prompts.templates)
