"""All of a model's roles in one call: evidence, paths, classification."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.padded import by_length, run_together
from head_patching.roles.classifier import Classifier
from head_patching.roles.evidence import evidence_on_pairs
from head_patching.roles.groups import TraceRules
from head_patching.roles.measured import Measured
from head_patching.roles.paths import trace_paths
from head_patching.roles.stage_effects import Stage
from head_patching.roles.tracer import Tracer


@dataclass(frozen=True)
class Assigned:
    """The roles of every head (see `classify`), and the evidence for them."""

    roles: pd.DataFrame
    role_criteria: pd.DataFrame  # without intervals
    measured: list[Measured]
    stages: Sequence[Stage]


def assign_roles(
    trace: Tracer,
    classifier: Classifier,
    on_tokens: Sequence[Measured],
    rules: TraceRules,
    on_step: Callable[[str], None] = lambda step: None,
) -> Assigned:
    """The roles of every head, measured on the prompts of a tracer.

    Parameters
    ----------
    trace
        From `roles.paths.tracer`.
    classifier
        The task's criteria.
    on_tokens
        From `evidence_on_tokens`; it serves all tasks.
    rules
        How groups are measured.
    on_step
        Called with a line about each step before it is measured.
    """
    model, prompts = trace.model, trace.prompts
    at_once = HeadPatcher(model).pairs_per_batch(prompts)
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for together in trace.steps.batches or run_together(model, prompts, at_once)
        for batch in by_length(together)
    )
    on_step("attention, direct effects, copying")
    measured = [*evidence_on_pairs(model, prompts, batches), *on_tokens]
    traced = trace_paths(trace, measured, classifier, rules, on_step)
    measured += traced.measured
    roles, role_criteria = classifier.classify(measured, classifier.criteria)
    return Assigned(roles, role_criteria, measured, traced.stages)
