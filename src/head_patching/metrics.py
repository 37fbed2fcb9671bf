"""Metrics of a run, and the effect of a patch on logit_diff."""

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

# Below this difference of clean and corrupt mean logit_diff, dividing by it would turn
# rounding and sampling noise into effects.
SMALLEST_DENOMINATOR = 0.1


class TaskNotDone(ValueError):
    """Clean and corrupt logit_diff are too close to divide by their difference."""


def logit_diff(
    logits: Float[Tensor, "... pair d_vocab"],
    answer: Int[Tensor, " pair"],
    wrong_answer: Int[Tensor, " pair"],
) -> Float[Tensor, "... pair"]:
    """logit(answer) - logit(wrong answer)."""
    pair = torch.arange(len(answer), device=logits.device)
    return logits[..., pair, answer] - logits[..., pair, wrong_answer]


def answer_probability(
    logits: Float[Tensor, "... pair d_vocab"], answer: Int[Tensor, " pair"]
) -> Float[Tensor, "... pair"]:
    """Softmax probability of the answer token."""
    pair = torch.arange(len(answer), device=logits.device)
    return (logits[..., pair, answer] - logits.logsumexp(dim=-1)).exp()


def kl_from_clean(
    clean_logits: Float[Tensor, "pair d_vocab"],
    logits: Float[Tensor, "... pair d_vocab"],
) -> Float[Tensor, "... pair"]:
    """KL divergence D(clean || patched) of the next-token distributions, in nats.

    Rounding cannot make it negative: it is at least 0.
    """
    expected = clean_logits.log_softmax(dim=-1)
    difference = expected - logits.log_softmax(dim=-1)
    return (expected.exp() * difference).sum(dim=-1).clamp(min=0)


def effect_contributions(dataset: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Numerator and denominator of the normalised effect, pair by pair.

    The effect of a patch is mean(numerator) / mean(denominator): a ratio of means.
    Denoising: (patched - corrupt) / (clean - corrupt), 0 = corrupt behaviour, 1 =
    clean behaviour restored. Noising: (clean - patched) / (clean - corrupt), 1 =
    corrupt behaviour reached. Both may lie outside the range from 0 to 1.

    Raises
    ------
    TaskNotDone
        When clean and corrupt logit_diff are too close to divide by their difference.
    """
    clean, corrupt = dataset.clean_logit_diff, dataset.corrupt_logit_diff
    scale = clean - corrupt
    if not float(scale.mean()) >= SMALLEST_DENOMINATOR:
        attributes = dataset.attrs
        raise TaskNotDone(
            f"{attributes.get('model')} on {attributes.get('task')} "
            f"({attributes.get('corruption')}, prepend_bos="
            f"{attributes.get('prepend_bos')}): mean clean logit_diff "
            f"{float(clean.mean()):.3f} is not above the corrupt "
            f"{float(corrupt.mean()):.3f} by at least {SMALLEST_DENOMINATOR}; effects "
            "cannot be normalised: the model does not do the task, or the corruption "
            "does not change the answer"
        )
    if dataset.attrs["direction"] == "denoising":
        numerator = dataset.logit_diff - corrupt
    else:
        numerator = clean - dataset.logit_diff
    return numerator, scale


def normalised_effect(dataset: xr.Dataset) -> xr.DataArray:
    """The effect of each patch over all pairs, a ratio of means (no unit)."""
    numerator, scale = effect_contributions(dataset)
    effect = numerator.mean("pair") / float(np.mean(scale))
    return effect.rename("effect")
