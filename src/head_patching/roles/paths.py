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

All are noising effects with the task's corruption for tracing, as fractions of the
difference in logit_diff; positive: the head helps the answer along this path. Signals,
such as `signal.position` and `signal.token`, are the effects along one step's paths
with a corruption that changes one signal only (paper: appendix A).

A step whose receivers were not found is not measured: its values are empty, and no head
meets a criterion on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from head_patching.models.transformer import Model
from head_patching.patching.effects import effect_contributions
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.knock_out import knock_out
from head_patching.patching.padded import run_together
from head_patching.patching.path_sweep import Receivers
from head_patching.patching.paths import path_effects
from head_patching.patching.runs import PairBatch
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import require_criteria
from head_patching.roles.measured import Measured, effect
from head_patching.tasks import PromptPairs, Tracing, find_task
from head_patching.terms import Head

KNOCKED_OUT = ("knocked_out.effect", "knocked_out.interaction")


@dataclass(frozen=True)
class Tracer:
    """Path patching of one model on one set of clean prompts, as effects."""

    model: Model
    tracing: Tracing
    pairs: Mapping[str, PromptPairs]  # by corruption
    batches: Sequence[PairBatch] | None  # runs of the steps' pairs, if they fit
    scale: np.ndarray  # [pair], clean less corrupt logit_diff of the steps' pairs
    clean_logit_diff: np.ndarray  # [pair]

    @property
    def prompts(self) -> PromptPairs:
        """The pairs that steps are traced with."""
        return self.pairs[self.tracing.corruption]

    def path(
        self,
        criterion: str,
        receivers: Receivers | str,
        corruption: str | None = None,
        senders: Sequence[Head] | None = None,
    ) -> Measured:
        """The effect of every sender's paths to the receivers."""
        patched = path_effects(
            self.model, self.pairs[corruption or self.tracing.corruption], "noising",
            receivers, senders, batches=None if corruption else self.batches,
        )  # fmt: skip
        values = in_order(patched.clean_logit_diff - patched.logit_diff)
        if senders is not None:
            others = np.ones(values.shape[:2], dtype=bool)
            others[tuple(np.array(senders).T)] = False
            values[others] = np.nan
        return self.effect(criterion, values)

    def knock_out(self, heads: Sequence[Head]) -> list[Measured]:
        """Effects with some heads knocked out, and how the knock-out changes them."""
        patched = knock_out(self.model, self.prompts, heads, batches=self.batches)
        alone = patched.clean_logit_diff - patched.logit_diff
        conditional = patched.knocked_out_logit_diff - patched.joint_logit_diff
        changes = (conditional, conditional - alone)
        return [
            self.effect(name, in_order(change))
            for name, change in zip(KNOCKED_OUT, changes, strict=True)
        ]

    def effect(self, criterion: str, contribution: np.ndarray) -> Measured:
        """A contribution per pair as a fraction of the difference in logit_diff."""
        return effect(criterion, contribution, self.scale, self.prompts.templates)

    def nothing(self, criterion: str) -> Measured:
        """A criterion that could not be measured on any head."""
        config = self.model.config
        shape = config.n_layers, config.n_heads, len(self.scale)
        return self.effect(criterion, np.full(shape, np.nan))


def in_order(change: xr.DataArray) -> Float[np.ndarray, "layer head pair"]:
    """The values with axes in the order of `Measured.values`."""
    return change.transpose("layer", "head", "pair").to_numpy().astype(np.float64)


def tracer(model: Model, pairs: Mapping[str, PromptPairs]) -> Tracer:
    """The tracer for pairs, by corruption, that share their clean prompts.

    A signal whose corruption is not among them is not measured.

    Raises
    ------
    ValueError
        When the corruption of the steps is missing, pairs are of several tasks, the
        clean prompts differ, or clean and corrupt behaviour are too near each other to
        divide by.
    """
    names = {each.task for each in pairs.values()}
    if len(names) != 1:
        raise ValueError(f"tracing paths needs pairs of one task, got {sorted(names)}")
    tracing = find_task(names.pop()).tracing
    if tracing.corruption not in pairs:
        raise ValueError(
            f"tracing paths needs pairs of corruption {tracing.corruption!r}, got "
            f"{', '.join(pairs)}"
        )
    prompts = {
        corruption: [pair.clean_tokens for pair in of_corruption]
        for corruption, of_corruption in pairs.items()
    }
    for corruption in pairs:
        if prompts[corruption] != prompts[tracing.corruption]:
            raise ValueError(
                f"the clean prompts of corruption {corruption!r} are not those of "
                f"{tracing.corruption!r}: expected the same number of pairs and seed"
            )
    patcher, batches, of_steps = HeadPatcher(model), None, pairs[tracing.corruption]
    at_once = patcher.pairs_per_batch(of_steps)
    if len(of_steps) <= at_once:
        batches = list(run_together(model, of_steps, at_once))
    unpatched = patcher.run(of_steps, direction="noising", heads=[], batches=batches)
    _, scale = effect_contributions(unpatched)
    return Tracer(
        model, tracing, pairs, batches, scale.to_numpy().astype(np.float64),
        unpatched.clean_logit_diff.to_numpy(),
    )  # fmt: skip


def trace_paths(
    trace: Tracer,
    evidence: Sequence[Measured],
    classifier: Classifier,
    on_step: Callable[[str], None] = lambda step: None,
) -> list[Measured]:
    """The evidence along paths, step by step.

    Parameters
    ----------
    trace
        From `tracer`.
    evidence
        From `measure_evidence`.
    classifier
        Finds the receivers of each step by their criteria.
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

    def found(role: str) -> list[Head]:
        return classifier.heads_with(role, [*evidence, *paths])

    receivers: dict[str, Receivers | None] = {}
    for step in tracing.steps:
        heads = found(step.role)
        on_step(f"{step.criterion}: {len(heads)} receivers")
        ends = Receivers(step.inputs, heads, step.position) if heads else None
        receivers[step.criterion] = ends
        paths.append(
            trace.path(step.criterion, ends) if ends else trace.nothing(step.criterion)
        )

    if tracing.knocked_out:
        heads = found(tracing.knocked_out)
        on_step(f"knock-out of {len(heads)} heads: {tracing.knocked_out}")
        paths += trace.knock_out(heads) if heads else map(trace.nothing, KNOCKED_OUT)
    for signal in tracing.signals:
        ends, heads = receivers[signal.step], found(signal.senders)
        on_step(f"{signal.criterion} of {len(heads)} heads: {signal.senders}")
        paths.append(
            trace.path(signal.criterion, ends, signal.corruption, heads)
            if ends and heads and signal.corruption in trace.pairs
            else trace.nothing(signal.criterion)
        )
    return paths
