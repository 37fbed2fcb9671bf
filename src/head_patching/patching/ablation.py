"""Ablation: heads of the clean run whose output is replaced by an uninformative one.

Three kinds (Wang et al. 2022 use `mean`; Zhang & Nanda 2023 and Miller et al. 2024
compare them):

- `zero`: the output is zero;
- `mean`: the mean output over reference prompts of the same template and length,
  position by position;
- `resample`: the output on one such reference prompt, drawn at random.

The reference prompts are the corrupt prompts of a set of pairs, usually with the `abc`
corruption, which keeps the template and removes the names' relation.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from head_patching.lookup import one_of
from head_patching.metrics import logit_diff
from head_patching.models.transformer import Model
from head_patching.patching.head_sets import sweep_sets
from head_patching.patching.readout import answer_tokens, logit_diffs
from head_patching.patching.runs import PairBatch, run_pairs
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head, head_name

AblationKind = Literal["zero", "mean", "resample"]
ABLATION_KINDS: tuple[AblationKind, ...] = get_args(AblationKind)

PAIRS_PER_BATCH = 32

# Outputs of reference prompts, [prompt layer position head d_head], by (template,
# length).
Reference = dict[tuple[str, int], Float[Tensor, "prompt layer position head d_head"]]


def ablate(
    model: Model,
    pairs: PromptPairs,
    head_sets: Sequence[Sequence[Head]],
    kind: str = "mean",
    reference: PromptPairs | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """logit_diff of the clean runs with each set of heads ablated.

    Parameters
    ----------
    head_sets
        Sets of heads (layer, head), each ablated together.
    kind
        `zero`, `mean` or `resample`.
    reference
        Pairs whose corrupt prompts give the outputs of `mean` and `resample`.
    seed
        Of the draws of `resample`.

    Returns
    -------
    xarray.Dataset
        `logit_diff` with dimensions (head_set, pair), `clean_logit_diff` per pair.

    Raises
    ------
    ValueError
        When `kind` is unknown, or a pair has no reference prompt of its template and
        length.
    """
    model.require_engine("ablation")
    one_of("ablation", kind, ABLATION_KINDS)
    if kind != "zero" and reference is None:
        raise ValueError(f"{kind} ablation needs reference prompts (abc pairs)")
    outputs = reference_outputs(model, reference) if reference else {}
    ablated = np.empty((len(head_sets), len(pairs)), np.float32)
    clean = np.empty(len(pairs), np.float32)
    with torch.inference_mode():
        for batch in run_pairs(model, pairs, PAIRS_PER_BATCH):
            z = replacement(batch, pairs, kind, outputs, seed)
            final = sweep_sets(model, batch.clean, z, head_sets)
            ablated[:, batch.indices] = logit_diffs(model, pairs, batch, final)
            answers = answer_tokens(model, pairs, batch.indices)
            unpatched = logit_diff(batch.clean.final_logits, *answers)  # [batch]
            clean[batch.indices] = unpatched.cpu().numpy()
    names = ["+".join(head_name(*head) for head in heads) for heads in head_sets]
    return xr.Dataset(
        {
            "logit_diff": (("head_set", "pair"), ablated, {"units": "logit"}),
            "clean_logit_diff": ("pair", clean, {"units": "logit"}),
        },
        {
            "head_set": names,
            "pair": np.arange(len(pairs)),
            "template": ("pair", list(pairs.templates)),
        },
        {"model": model.config.name, "task": pairs.task, "ablation": kind},
    )


def reference_outputs(model: Model, reference: PromptPairs) -> Reference:
    """z of every reference prompt, by template and length."""
    collected: dict[tuple[str, int], list[Tensor]] = {}
    for batch in run_pairs(model, reference, PAIRS_PER_BATCH):
        for row, index in enumerate(batch.indices):
            key = (reference[index].template, batch.corrupt.n_positions)
            collected.setdefault(key, []).append(batch.corrupt.z[:, row])
    return {key: torch.stack(outputs) for key, outputs in collected.items()}


def replacement(
    batch: PairBatch,
    pairs: PromptPairs,
    kind: str,
    outputs: Reference,
    seed: int,
) -> Float[Tensor, "layer batch position head d_head"]:
    """The outputs that ablated heads are given, for each pair of the batch.

    Parameters
    ----------
    kind
        `zero`, `mean` or `resample`.
    outputs
        Those of the reference prompts.
    seed
        Of the draws of `resample`.
    """
    if kind == "zero":
        return torch.zeros_like(batch.clean.z)
    chosen: Iterable[Tensor] = (
        matching(pairs, index, batch.clean.n_positions, outputs)
        for index in batch.indices
    )
    if kind == "mean":
        return torch.stack([prompts.mean(dim=0) for prompts in chosen], dim=1)
    # A pair's draw is its own, whatever pairs are with it.
    drawn = []
    for index, prompts in zip(batch.indices, chosen, strict=True):
        generator = np.random.default_rng([seed, *pairs[index].clean_tokens])
        drawn.append(prompts[generator.integers(len(prompts))])
    return torch.stack(drawn, dim=1)


def matching(
    pairs: PromptPairs, index: int, n_positions: int, outputs: Reference
) -> Float[Tensor, "prompt layer position head d_head"]:
    """The reference outputs of a pair's template and length."""
    template = pairs[index].template
    if (template, n_positions) not in outputs:
        raise ValueError(
            f"no reference prompt has template {template} and {n_positions} tokens: "
            "use more reference pairs"
        )
    return outputs[template, n_positions]
