"""All of a model's roles in one call: evidence, paths, classification."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from head_patching.models.transformer import Model
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.runs import run_pairs
from head_patching.roles.demands import Demands
from head_patching.roles.evidence import measure_evidence
from head_patching.roles.measured import Measured
from head_patching.roles.paths import trace_paths, tracer
from head_patching.tasks import PromptPairs


@dataclass(frozen=True)
class Assigned:
    """The roles of every head (see `classify`), and what they rest on."""

    roles: pd.DataFrame
    role_criteria: pd.DataFrame  # without intervals
    measured: list[Measured]


def assign_roles(
    model: Model,
    pairs: Mapping[str, PromptPairs],
    demands: Demands,
    seed: int,
    on_step: Callable[[str], None] = lambda step: None,
) -> Assigned:
    """The roles of every head on pairs by corruption (see `roles.paths.tracer`).

    Raises
    ------
    TaskNotDone
        When the model does not tell clean prompts from corrupt ones.
    """
    trace = tracer(model, pairs)
    prompts = trace.prompts
    at_once = HeadPatcher(model).pairs_per_batch(prompts)
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for batch in trace.batches or run_pairs(model, prompts, at_once)
    )
    on_step("attention, direct effects, copying")
    measured = measure_evidence(model, prompts, batches, seed)
    measured += trace_paths(trace, measured, demands, on_step)
    roles, role_criteria = demands.classify(measured, demands.criteria)
    return Assigned(roles, role_criteria, measured)
