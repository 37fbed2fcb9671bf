"""Products with weight matrices: where nearly all the time of a forward pass goes.

PyTorch has two libraries for them on a processor, MKL and oneDNN, and takes MKL for
single precision. On AMD's processors MKL does not use AVX-512: oneDNN takes less than
half the time there, and a tenth less with AVX2.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

# Absent where PyTorch was built without oneDNN.
ONEDNN_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None)

# Multiplications from which oneDNN is faster: each call of it takes 10 us to prepare.
WORTH_PREPARING = 2**20


def linear(
    x: Float[Tensor, "... n_in"],
    weight: Float[Tensor, "n_in n_out"],
    bias: Float[Tensor, " n_out"] | None,
) -> Float[Tensor, "... n_out"]:
    """x @ weight + bias."""
    has_kernel = x.device.type == "cpu" and x.dtype == torch.float32
    if (
        ONEDNN_LINEAR is None
        or not has_kernel
        or x.requires_grad  # it has no gradient
        or x.numel() * weight.shape[1] < WORTH_PREPARING
    ):
        return functional.linear(x, weight.T, bias)
    if not (weight.is_contiguous() or weight.T.is_contiguous()):
        weight = weight.contiguous()  # with gaps it would take a thousand times as long
    if bias is not None:
        bias = bias.contiguous()  # a strided one would be read as if it were not
    return ONEDNN_LINEAR(x, weight.T, bias, "none", [], "")
