"""What tracing asks of one model: paths of heads and of groups, as effects.

All pairs of a tracer have the same clean prompts; corruptions differ. The runs of a
corruption are kept, where they fit, since every step patches them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from jaxtyping import Float

from head_patching.models.transformer import Model
from head_patching.patching.effects import (
    TaskNotDone,
    effect_contributions,
    unpatched_logit_diff,
)
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.knock_out import knock_out
from head_patching.patching.padded import run_together
from head_patching.patching.paths import path_effects
from head_patching.patching.receivers import Receivers
from head_patching.patching.replaced import Silenced
from head_patching.patching.runs import PairBatch
from head_patching.patching.set_paths import set_path_effects
from head_patching.roles.groups import Patch
from head_patching.roles.measured import Measured, effect
from head_patching.roles.questions import Question
from head_patching.roles.stages import KNOCKED_OUT, Ends
from head_patching.tasks import PromptPairs, Tracing, find_task
from head_patching.terms import Head


@dataclass(frozen=True)
class Runs:
    """Both runs of the pairs of one corruption.

    Parameters
    ----------
    batches
        None where they do not fit the memory: they are run whenever they are needed.
    scale
        Clean less corrupt logit_diff of each pair.
    clean_logit_diff
        Of each pair.
    """

    batches: Sequence[PairBatch] | None
    scale: Float[np.ndarray, " pair"]
    clean_logit_diff: Float[np.ndarray, " pair"]


@dataclass(frozen=True)
class Tracer:
    """Path patching of one model on one set of clean prompts, as effects."""

    model: Model
    tracing: Tracing
    pairs: Mapping[str, PromptPairs]  # by corruption
    steps: Runs  # of the pairs that steps are traced with
    others: dict[str, Runs | None] = field(default_factory=dict)  # by corruption

    @property
    def prompts(self) -> PromptPairs:
        """The pairs that steps are traced with."""
        return self.pairs[self.tracing.corruption]

    def runs(self, corruption: str) -> Runs | None:
        """The runs of a corruption; None if it does not change the answer."""
        if corruption == self.tracing.corruption:
            return self.steps
        if corruption not in self.others:
            try:
                self.others[corruption] = runs_of(self.model, self.pairs[corruption])
            except TaskNotDone:
                self.others[corruption] = None
        return self.others[corruption]

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
            receivers, senders, batches=None if corruption else self.steps.batches,
        )  # fmt: skip
        values = in_order(patched.clean_logit_diff - patched.logit_diff)
        if senders is not None:
            others = np.ones(values.shape[:2], dtype=bool)
            others[tuple(np.array(senders).T)] = False
            values[others] = np.nan
        return self.effect(criterion, values)

    def patch_of(self, question: Question, receivers: Receivers, ends: Ends) -> Patch:
        """The function that patches sets of heads as a question asks."""
        pairs = self.pairs[question.corruption]
        runs, silenced = self.runs(question.corruption), None
        batches = runs.batches if runs else None
        if question.silenced:
            silenced = Silenced(ends.silenced, ends.silenced_at)
            if batches is not None:
                batches = [silenced.batch(self.model, pairs, each) for each in batches]

        def patch(
            sender_sets: Sequence[Sequence[Head]],
        ) -> Float[np.ndarray, "set pair"]:
            patched = set_path_effects(
                self.model,
                pairs,
                question.direction,
                receivers,
                sender_sets,
                batches,
                silenced,
            )
            base = unpatched_logit_diff(patched)
            change = patched.logit_diff - base
            if question.direction == "noising":
                change = -change
            return change.transpose("set", "pair").to_numpy().astype(np.float64)

        return patch

    def knock_out(
        self, heads: Sequence[Head], others: Sequence[Head] | None = None
    ) -> list[Measured]:
        """Effects with some heads knocked out, and how the knock-out changes them.

        Of all other heads, or of some.
        """
        patched = knock_out(
            self.model, self.prompts, heads, batches=self.steps.batches, heads=others
        )
        alone = patched.clean_logit_diff - patched.logit_diff
        conditional = patched.knocked_out_logit_diff - patched.joint_logit_diff
        changes = (conditional, conditional - alone)
        return [
            self.effect(name, in_order(change))
            for name, change in zip(KNOCKED_OUT, changes, strict=True)
        ]

    def effect(self, criterion: str, contribution: np.ndarray) -> Measured:
        """A contribution per pair as a fraction of the difference in logit_diff."""
        return effect(criterion, contribution, self.steps.scale, self.prompts.templates)

    def nothing(self, criterion: str) -> Measured:
        """A criterion that could not be measured on any head."""
        config = self.model.config
        shape = config.n_layers, config.n_heads, len(self.steps.scale)
        return self.effect(criterion, np.full(shape, np.nan))


def in_order(change: xr.DataArray) -> Float[np.ndarray, "layer head pair"]:
    """The values with axes in the order of `Measured.values`."""
    return change.transpose("layer", "head", "pair").to_numpy().astype(np.float64)


def runs_of(model: Model, pairs: PromptPairs) -> Runs:
    """The runs of pairs, kept if they fit.

    Raises
    ------
    TaskNotDone
        When clean and corrupt behaviour are too near each other to divide by.
    """
    patcher, batches = HeadPatcher(model), None
    at_once = patcher.pairs_per_batch(pairs)
    if len(pairs) <= at_once:
        batches = list(run_together(model, pairs, at_once))
    unpatched = patcher.run(pairs, direction="noising", heads=[], batches=batches)
    _, scale = effect_contributions(unpatched)
    return Runs(
        batches,
        scale.to_numpy().astype(np.float64),
        unpatched.clean_logit_diff.to_numpy(),
    )


def tracer(model: Model, pairs: Mapping[str, PromptPairs]) -> Tracer:
    """The tracer for pairs, by corruption, that share their clean prompts.

    A question or a signal whose corruption is not among them is left out.

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
    return Tracer(model, tracing, pairs, runs_of(model, pairs[tracing.corruption]))
