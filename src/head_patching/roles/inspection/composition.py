"""Q-, K- and V-composition: how much of what one head writes another one reads.

Composition score of Elhage et al. 2021 (transformer-circuits.pub/2021/framework, "Term
importance analysis"): the size of the product of two heads' matrices, over the product
of their sizes, all in the Frobenius norm. In our row convention the earlier head writes
by W_OV = W_V W_O, and the later one reads

- q: by its query,  |W_OV W_Q W_K^T| / (|W_OV| |W_Q W_K^T|)
- k: by its key,    |W_OV W_K W_Q^T| / (|W_OV| |W_K W_Q^T|)
- v: by its value,  |W_OV W_V W_O|   / (|W_OV| |W_V W_O|)

In rotary models W_Q W_K^T is that of key and query at one place (offset 0), as in
TransformerLens. A query head takes the W_K and W_V of its group. `test_composition.py`
in `tests/roles/inspection/` compares with whole matrices and with TransformerLens.

No [d_model, d_model] matrix is formed: of an outer factor only its size in each
direction matters, which is the triangle of its QR decomposition.

Baseline: the same two matrices, one of them turned by a random rotation of the residual
stream. Its mean square is 1 / d_model for any two matrices; mean and spread depend on
their singular values s and t. A rotation R enters by its [d_head, d_head] corner in the
singular directions, which for a random rotation is distributed alike in any basis. The
squared score is sum s_i^2 R_ij^2 t_j^2: one small product for all pairs of heads.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.layer import Layer
from head_patching.models.products import linear
from head_patching.models.transformer import Model
from head_patching.terms import HEAD_INPUTS, HeadInput

N_ROTATIONS = 100  # the baseline is then known to a tenth of its spread

Pairs = Float[Tensor, "layer head later_layer later_head"]


@dataclass(frozen=True)
class Composition:
    """The scores of one kind, and those of randomly rotated matrices.

    0 where the later head is not in a later layer, and where a head is 0.
    """

    value: Pairs
    baseline: Pairs  # mean over random rotations
    baseline_sd: Pairs


@torch.no_grad()
def compositions(
    model: Model, seed: int, n_rotations: int = N_ROTATIONS
) -> dict[HeadInput, Composition]:
    """Composition of every head with every head of a later layer, of each kind."""
    writing = [write_factor(layer) for layer in model.layers]
    written = torch.stack([singular_squares(factor) for factor in writing])
    reading = {
        kind: [read_factor(layer, kind) for layer in model.layers]
        for kind in HEAD_INPUTS
    }
    read = [
        torch.stack([singular_squares(factor.mT) for factor in factors])
        for factors in reading.values()
    ]
    generator = torch.Generator().manual_seed(seed)
    means, sds = random_scores(
        written, torch.stack(read), model.config.d_model, generator, n_rotations
    )
    of_kind = {}
    for kind, mean, sd in zip(HEAD_INPUTS, means, sds, strict=True):
        value = scores(writing, reading[kind])
        some = value > 0  # neither an earlier layer nor a head of zeros
        of_kind[kind] = Composition(value, mean * some, sd * some)
    return of_kind


def write_factor(layer: Layer) -> Float[Tensor, "head d_head d_model"]:
    """A factor of the size of W_V W_O, also after any product from the right."""
    return triangle(layer.W_V, layer) @ layer.W_write


def read_factor(layer: Layer, kind: HeadInput) -> Float[Tensor, "head d_model d_head"]:
    """A factor of the size of what reads, also after any product from the left."""
    if kind == "q":
        return layer.W_Q @ triangle(layer.W_K, layer).mT
    if kind == "k":
        return for_each_head(layer.W_K, layer) @ triangle(layer.W_Q, layer).mT
    if kind == "v":
        return for_each_head(layer.W_V, layer) @ triangle(layer.W_write.mT, layer).mT
    raise ValueError(f"expected a composition of q, k or v, got {kind!r}")


def triangle(
    weights: Float[Tensor, "some_head d_model d_head"], layer: Layer
) -> Float[Tensor, "head d_head d_head"]:
    """R of weights = Q R: |weights X| = |R X| for any X."""
    return for_each_head(torch.linalg.qr(weights, mode="r").R, layer)


def for_each_head(
    weights: Float[Tensor, "some_head rows columns"], layer: Layer
) -> Float[Tensor, "head rows columns"]:
    """One copy for each query head of weights that its group shares."""
    return weights.repeat_interleave(layer.config.n_heads // len(weights), dim=0)


def scores(
    writing: list[Float[Tensor, "head d_head d_model"]],
    reading: list[Float[Tensor, "head d_model d_head"]],
) -> Pairs:
    """Composition scores from the factors of each layer."""
    n_layers, n_heads = len(writing), len(writing[0])
    value = writing[0].new_zeros(n_layers, n_heads, n_layers, n_heads)
    unit_writing = [unit_size(factor).flatten(0, 1) for factor in writing]
    for later, factor in enumerate(reading):
        read = unit_size(factor).transpose(0, 1).flatten(1)  # heads side by side
        for earlier in range(later):
            product = linear(unit_writing[earlier], read, None)
            cells = product.unflatten(0, (n_heads, -1)).unflatten(-1, (n_heads, -1))
            value[earlier, :, later] = cells.square().sum(dim=(1, 3)).sqrt()
    return value


def unit_size(
    matrices: Float[Tensor, "head rows columns"],
) -> Float[Tensor, "head rows columns"]:
    """Each matrix divided by its Frobenius norm; one of zeros stays as it is."""
    size = torch.linalg.matrix_norm(matrices, keepdim=True)
    return matrices / torch.where(size > 0, size, 1.0)


def singular_squares(
    wide: Float[Tensor, "head d_head d_model"],
) -> Float[Tensor, "head d_head"]:
    """Squares of the singular values, as shares of their sum."""
    unit = unit_size(wide).double()
    return torch.linalg.eigvalsh(unit @ unit.mT).clamp(min=0)


def random_scores(
    written: Float[Tensor, "layer head d_head"],
    read: Float[Tensor, "kind later_layer later_head d_head"],
    d_model: int,
    generator: torch.Generator,
    n_rotations: int,
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the scores of randomly rotated matrices.

    Parameters
    ----------
    written, read
        Squares of the singular values of the matrices that write and that read.
    d_model
        Dimensions of the rotations.
    generator, n_rotations
        Draws the rotations, and their number.

    Returns
    -------
    tuple of arrays
        Of axes [kind layer head later_layer later_head].
    """
    d_head = written.shape[-1]
    sums = [
        torch.zeros(*each.shape[:-1], *written.shape[:-1], dtype=torch.float64)
        for each in (read, read)
    ]  # [kind later_layer later_head layer head]
    for _ in range(n_rotations):
        squares = random_corner(d_model, d_head, generator).square()
        drawn = torch.tensordot(read @ squares.mT, written, dims=([-1], [-1]))
        sums[0] += drawn.sqrt()
        sums[1] += drawn
    mean, mean_square = (each.permute(0, 3, 4, 1, 2) / n_rotations for each in sums)
    return mean, (mean_square - mean.square()).clamp(min=0).sqrt()


def random_corner(
    d_model: int, d_head: int, generator: torch.Generator
) -> Float[Tensor, "d_head d_head"]:
    """First rows and columns of a uniformly random rotation of d_model dimensions."""
    drawn = torch.randn(d_model, d_head, generator=generator, dtype=torch.float64)
    basis, triangle = torch.linalg.qr(drawn)
    # Signs that make the distribution uniform (Mezzadri 2007, arXiv math-ph/0609050).
    return (basis * triangle.diagonal().sign())[:d_head]
