"""Whether a head's OV circuit copies: eigenvalues of its map from tokens to logits.

The full OV circuit W_E W_V W_O W_U is how attending to each token changes each logit.
Positive eigenvalues mean that some mix of tokens raises its own logits (Elhage et al.
2021, transformer-circuits.pub/2021/framework, "Copying heads: detecting copying").

The matrix is vocabulary by vocabulary, but its rank is d_head: the eigenvalues of a
product that are not 0 do not change when its factors go round, so those of
W_O W_U W_E W_V are all. `tests/roles/inspection/test_ov.py` compares them with the
eigenvalues of the large matrix.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from head_patching.models.transformer import Model


@torch.no_grad()
def ov_eigenvalues(
    model: Model, resid: Float[Tensor, "d_vocab d_model"]
) -> Complex[Tensor, "layer head d_head"]:
    """The eigenvalues of each head's full OV circuit that are not 0, in any order.

    Norms and biases are left out: they are not part of a linear map.

    Parameters
    ----------
    resid
        The residual stream of each token alone: W_E, or more (`embedding`).
    """
    through = (model.W_U @ resid).double()  # [d_model d_model]
    small = [
        layer.W_write.double()
        @ through
        @ layer.W_V.double().repeat_interleave(layer.config.group_size, dim=0)
        for layer in model.layers
    ]
    return torch.linalg.eigvals(torch.stack(small))


def copying(
    eigenvalues: Complex[Tensor, "*axes eigenvalue"],
) -> Float[Tensor, "*axes"]:
    """Sum of the eigenvalues over that of their sizes: 1 copies, -1 does the reverse.

    The statistic of Elhage et al. 2021. Complex eigenvalues come in pairs, so that the
    sum is real. A head that writes nothing has 0.
    """
    total = eigenvalues.real.sum(dim=-1)
    size = eigenvalues.abs().sum(dim=-1)
    return torch.where(size > 0, total / size, 0.0)


def positive_share(
    eigenvalues: Complex[Tensor, "*axes eigenvalue"],
) -> Float[Tensor, "*axes"]:
    """Share of the eigenvalues' sizes that lies on those with a positive real part.

    From 0 to 1; random matrices have 1/2. A head that writes nothing has 0.
    """
    sizes = eigenvalues.abs()
    positive = (sizes * (eigenvalues.real > 0)).sum(dim=-1)
    size = sizes.sum(dim=-1)
    return torch.where(size > 0, positive / size, 0.0)
