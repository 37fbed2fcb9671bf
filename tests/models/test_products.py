"""Products with weight matrices equal those in double precision, by either library."""

import pytest
import torch

from head_patching.models.products import WORTH_PREPARING, linear


@pytest.mark.parametrize("n_vectors", [3, 1000])
@pytest.mark.parametrize("has_bias", [False, True])
def test_a_product_equals_that_in_double_precision(n_vectors: int, has_bias: bool):
    generator = torch.Generator().manual_seed(0)
    n_in, n_out = 60, 70
    n_multiplications = n_vectors * n_in * n_out
    assert (n_multiplications > WORTH_PREPARING) == (n_vectors == 1000)
    # Every other vector, or number, of larger tensors: not contiguous.
    x = torch.randn(n_vectors, 2, n_in, generator=generator)[:, 1:]
    weight = torch.randn(n_in, 2, n_out, generator=generator)[:, 1]
    bias = torch.randn(n_out, 2, generator=generator)[:, 1] if has_bias else None
    expected = torch.einsum("vpi,io->vpo", x.double(), weight.double())
    if bias is not None:
        expected += bias.double()
    product = linear(x, weight, bias)
    assert product.shape == (n_vectors, 1, n_out)
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), expected, rtol=1e-5, atol=1e-5)
    doubles = None if bias is None else bias.double()
    exact = linear(x.double(), weight.double(), doubles)
    torch.testing.assert_close(exact, expected, rtol=1e-12, atol=1e-12)


def test_a_large_product_passes_gradients_on():
    x = torch.ones(1000, 60, requires_grad=True)
    weight = torch.arange(60.0 * 70).reshape(60, 70)
    linear(x, weight, None).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, weight.sum(dim=1).expand(1000, -1))
