"""Evidence from the residual stream: the direct effect of a head on the logits.

The final norm divides the residual stream at END by its size, which depends on
everything. With that size frozen at its value in the run, logit_diff is a sum over
everything that writes into the residual stream (direct logit attribution), and a
head's term is its direct effect. `tests/roles/test_direct.py` checks that the terms
add up to the model's own logit_diff.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.propagate import final_residual


@torch.no_grad()
def direct_effects(
    model: Model,
    activations: Activations,
    answers: Int[Tensor, " batch"],
    wrong_answers: Int[Tensor, " batch"],
) -> Float[Tensor, "layer head batch"]:
    """Each head's term in logit_diff at END, in logits; positive: for the answer."""
    direction = logit_diff_direction(model, answers, wrong_answers)  # [d_model batch]
    direction = direction / final_scale(model, final_residual(model, activations))
    by_layer = []
    for layer, z in zip(model.layers, activations.z[:, :, -1], strict=True):
        along = direction / layer.write_divisor(z)  # [d_model batch]
        reads = layer.W_write @ along  # [head d_head batch]
        by_layer.append(torch.einsum("bhd,hdb->hb", z, reads))
    return torch.stack(by_layer)


def logit_diff_direction(
    model: Model, answers: Int[Tensor, " batch"], wrong_answers: Int[Tensor, " batch"]
) -> Float[Tensor, "d_model batch"]:
    """The direction of the normed residual stream that logit_diff reads.

    LayerNorm subtracts the mean of the residual stream, which is the same as reading
    it with a direction whose mean is 0.
    """
    direction = model.W_U[:, answers] - model.W_U[:, wrong_answers]
    if model.config.normalization == "LN":
        direction = direction - direction.mean(dim=0)
    return direction


def final_scale(
    model: Model, resid: Float[Tensor, "batch d_model"]
) -> Float[Tensor, " batch"]:
    """The number that the final norm divides by."""
    if model.config.normalization == "LN":
        resid = resid - resid.mean(dim=-1, keepdim=True)
    return (resid.square().mean(dim=-1) + model.config.eps).sqrt()
