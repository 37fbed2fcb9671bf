"""Eigenvalues of OV circuits against the whole matrix, vocabulary by vocabulary."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from head_patching.models.layers import normalise
from head_patching.roles.inspection.embedding import EMBEDDINGS
from head_patching.roles.inspection.ov import copying, ov_eigenvalues, positive_share


def in_double(model):
    """The same model in float64."""
    layers = [
        dataclasses.replace(
            layer,
            **{
                field.name: getattr(layer, field.name).double()
                for field in dataclasses.fields(layer)
                if isinstance(getattr(layer, field.name), torch.Tensor)
            },
        )
        for layer in model.layers
    ]
    tensors = {name: getattr(model, name).double() for name in ("W_E", "W_U")}
    return dataclasses.replace(model, layers=layers, **tensors)


@pytest.mark.parametrize("ending", EMBEDDINGS)
def test_equal_to_the_eigenvalues_of_the_whole_matrix(model, ending):
    exact = in_double(model)
    resid = EMBEDDINGS[ending](exact)
    small = ov_eigenvalues(exact, resid)
    assert small.shape == (3, 4, 4)
    for index, layer in enumerate(exact.layers):
        for head in range(4):
            kv_head = head // (4 // model.config.n_key_value_heads)
            W_OV = layer.W_V[kv_head] @ layer.W_O[head]
            large = np.linalg.eigvals((resid @ W_OV @ exact.W_U).numpy())
            # All others of the 60 are 0, to rounding.
            large = large[np.argsort(-abs(large))]
            assert abs(large[4:]).max() < 1e-5
            assert abs(large[:4] - small[index, head].numpy()[:, None]).min(
                axis=1
            ).max() == pytest.approx(0, abs=1e-5)
            ratio = large.sum().real / abs(large).sum()
            assert float(copying(small)[index, head]) == pytest.approx(ratio, abs=1e-5)
            share = abs(large[large.real > 0]).sum() / abs(large).sum()
            obtained = float(positive_share(small)[index, head])
            assert obtained == pytest.approx(share, abs=1e-5)


def test_the_first_mlp_adds_what_the_model_itself_adds(build):
    """A one-token prompt whose first attention writes nothing ends behind the MLP."""
    model = build(n_layers=1)
    model.W_pos.zero_()
    model.layers[0].W_O.zero_()
    model.layers[0].b_O.zero_()
    logits = model.run(torch.arange(60)[:, None]).final_logits
    resid = EMBEDDINGS[".mlp"](model)
    expected = normalise(resid, model.config) @ model.W_U + model.b_U
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize(("sign", "share"), [(1, 1.0), (-1, 0.0)])
def test_a_head_that_copies_and_one_that_suppresses(build, sign, share):
    model = build("RMS", biases=False)
    model.W_U = model.W_E.T
    for layer in model.layers:
        layer.W_O[0] = sign * layer.W_V[0].T
    eigenvalues = ov_eigenvalues(model, model.W_E)[:, 0]
    assert copying(eigenvalues).numpy() == pytest.approx(sign, abs=1e-6)
    assert positive_share(eigenvalues).numpy() == pytest.approx(share, abs=1e-6)


def test_a_head_that_writes_nothing_does_not_copy(build):
    model = build()
    model.layers[1].W_O.zero_()
    eigenvalues = ov_eigenvalues(model, model.W_E)
    assert (copying(eigenvalues)[1] == 0).all()
    assert (positive_share(eigenvalues)[1] == 0).all()


def test_eigenvalues_by_hand():
    # A turn by 90 degrees, i and -i, has no real part; beside it 3 and -1.
    eigenvalues = torch.tensor([1j, -1j, 3, -1])
    assert float(copying(eigenvalues)) == pytest.approx(2 / 6)
    assert float(positive_share(eigenvalues)) == pytest.approx(3 / 6)


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_size_does_not_matter_and_sign_turns_around(size, seed):
    drawn = torch.randn(
        6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    eigenvalues = torch.linalg.eigvals(drawn)
    torch.testing.assert_close(copying(size * eigenvalues), copying(eigenvalues))
    torch.testing.assert_close(copying(-eigenvalues), -copying(eigenvalues))
    assert float(positive_share(-eigenvalues)) == pytest.approx(
        1 - float(positive_share(eigenvalues))
    )
