"""Evidence along paths: from each head to heads whose role is already known.

The circuit is traced backwards from the answer, as Wang et al. 2022 (arXiv 2211.00593,
section 3) do it. At each step the heads found before are the receivers of the next:

1. `path.logits`: head -> logits, the direct effect; with attention it tells the name
   movers;
2. `path.name_mover_queries`: head -> name movers' queries at END: S-inhibition;
3. `path.s_inhibition_values`: head -> S-inhibition heads' values at S2: duplicate-token
   and induction heads;
4. `path.induction_keys`: head -> induction heads' keys at S1+1: previous-token heads;
5. `knocked_out.effect`: the effect at END with the name movers knocked out, and
   `knocked_out.interaction`, that less the effect with them in place: backups.

All are noising effects with the `abc` corruption, as shares of the difference in
logit_diff; positive: the head helps the answer by this way. Of the S-inhibition heads,
`signal.position` and `signal.token` are the effects on name movers' queries when only
the one or the other signal is corrupt (paper: appendix A).

A step whose receivers were not found is not measured: its values are empty, and no head
meets a criterion on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from head_patching.metrics import effect_contributions
from head_patching.models.transformer import Model
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.head_sets import Head
from head_patching.patching.knock_out import knock_out
from head_patching.patching.path_sweep import Receivers
from head_patching.patching.paths import path_effects
from head_patching.patching.runs import PairBatch, run_pairs
from head_patching.roles.demands import Demands
from head_patching.roles.measured import Measured, effect
from head_patching.tasks.corruptions import PATH_CORRUPTION, SIGNAL_CORRUPTIONS
from head_patching.tasks.pairs import PromptPairs

NAME_MOVER, S_INHIBITION = "name mover", "S-inhibition"

# criterion -> the role of its receivers, which of their inputs, and where.
RECEIVERS = {
    "path.name_mover_queries": (NAME_MOVER, "q", "END"),
    "path.s_inhibition_values": (S_INHIBITION, "v", "S2"),
    "path.induction_keys": ("induction", "k", "S1+1"),
}

CORRUPTIONS = (PATH_CORRUPTION, *SIGNAL_CORRUPTIONS.values())


@dataclass(frozen=True)
class Tracer:
    """Path patching of one model on one set of clean prompts, as effects."""

    model: Model
    pairs: Mapping[str, PromptPairs]  # by corruption
    batches: Sequence[PairBatch] | None  # runs of the `abc` pairs, if they fit
    scale: np.ndarray  # [pair], clean less corrupt logit_diff under `abc`

    def path(
        self,
        criterion: str,
        receivers: Receivers | str,
        corruption: str = PATH_CORRUPTION,
        senders: Sequence[Head] | None = None,
    ) -> Measured:
        """The effect of every sender's way to the receivers."""
        patched = path_effects(
            self.model, self.pairs[corruption], "noising", receivers, senders,
            batches=self.batches if corruption == PATH_CORRUPTION else None,
        )  # fmt: skip
        values = in_order(patched.clean_logit_diff - patched.logit_diff)
        if senders is not None:
            others = np.ones(values.shape[:2], dtype=bool)
            others[tuple(np.array(senders).T)] = False
            values[others] = np.nan
        return self.effect(criterion, values)

    def knock_out(self, heads: Sequence[Head]) -> list[Measured]:
        """Effects with some heads knocked out, and by how much that changes them."""
        patched = knock_out(
            self.model, self.pairs[PATH_CORRUPTION], heads, batches=self.batches
        )
        alone = patched.clean_logit_diff - patched.logit_diff
        conditional = patched.knocked_out_logit_diff - patched.joint_logit_diff
        changes = {"effect": conditional, "interaction": conditional - alone}
        return [
            self.effect(f"knocked_out.{name}", in_order(change))
            for name, change in changes.items()
        ]

    def effect(self, criterion: str, contribution: np.ndarray) -> Measured:
        """A contribution per pair as a share of the difference in logit_diff."""
        templates = self.pairs[PATH_CORRUPTION].templates
        return effect(criterion, contribution, self.scale, templates)

    def nothing(self, criterion: str) -> Measured:
        """A criterion that could not be measured on any head."""
        config = self.model.config
        shape = config.n_layers, config.n_heads, len(self.scale)
        return self.effect(criterion, np.full(shape, np.nan))


def in_order(change: xr.DataArray) -> Float[np.ndarray, "layer head pair"]:
    """The values with the axes that measurements have."""
    return change.transpose("layer", "head", "pair").to_numpy().astype(np.float64)


def tracer(model: Model, pairs: Mapping[str, PromptPairs]) -> Tracer:
    """The tracer for pairs, by corruption, that share their clean prompts.

    Raises
    ------
    ValueError
        When a corruption is missing, the clean prompts differ, or clean and corrupt
        behaviour are too near each other to divide by.
    """
    for corruption in CORRUPTIONS:
        if corruption not in pairs:
            raise ValueError(f"tracing paths needs pairs of corruption {corruption!r}")
    prompts = {
        corruption: [pair.clean_tokens for pair in pairs[corruption]]
        for corruption in CORRUPTIONS
    }
    for corruption in CORRUPTIONS:
        if prompts[corruption] != prompts[PATH_CORRUPTION]:
            raise ValueError(
                f"the clean prompts of corruption {corruption!r} are not those of "
                f"{PATH_CORRUPTION!r}: expected the same number of pairs and seed"
            )
    patcher, batches = HeadPatcher(model), None
    at_once = patcher.pairs_per_batch(pairs[PATH_CORRUPTION])
    if len(pairs[PATH_CORRUPTION]) <= at_once:
        batches = list(run_pairs(model, pairs[PATH_CORRUPTION], at_once))
    unpatched = patcher.run(
        pairs[PATH_CORRUPTION], direction="noising", heads=[], batches=batches
    )
    _, scale = effect_contributions(unpatched)
    return Tracer(model, pairs, batches, scale.to_numpy().astype(np.float64))


def trace_paths(
    trace: Tracer,
    evidence: Sequence[Measured],
    demands: Demands,
    on_step: Callable[[str], None] = lambda step: None,
) -> list[Measured]:
    """The evidence along paths, step by step.

    Parameters
    ----------
    evidence
        What `measure_evidence` gave.
    demands
        By which receivers are found.
    on_step
        Called with what is measured next.
    """
    on_step("path to the logits")
    paths = [trace.path("path.logits", "logits")]

    def found(role: str) -> list[Head]:
        return demands.heads_with(role, [*evidence, *paths])

    for criterion, (role, inputs, position) in RECEIVERS.items():
        heads = found(role)
        on_step(f"{criterion}: {len(heads)} receivers")
        measured = trace.nothing(criterion)
        if heads:
            measured = trace.path(criterion, Receivers(inputs, heads, position))
        paths.append(measured)

    movers, inhibiting = found(NAME_MOVER), found(S_INHIBITION)
    on_step(f"knock-out of {len(movers)} name movers")
    if movers:
        paths += trace.knock_out(movers)
    else:
        paths += [trace.nothing(f"knocked_out.{n}") for n in ("effect", "interaction")]
    on_step(f"signals of {len(inhibiting)} S-inhibition heads")
    for signal, corruption in SIGNAL_CORRUPTIONS.items():
        criterion = f"signal.{signal}"
        if not (movers and inhibiting):
            paths.append(trace.nothing(criterion))
            continue
        receivers = Receivers("q", movers, "END")
        paths.append(trace.path(criterion, receivers, corruption, inhibiting))
    return paths
