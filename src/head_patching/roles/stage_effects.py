"""The effects of one stage's candidates, by every question."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from head_patching.patching.receivers import Receivers
from head_patching.roles.classifier import Classifier
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
    Ends,
    ends_key,
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
