"""Composition scores against whole matrices and TransformerLens; what cannot matter."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from head_patching.roles.inspection.composition import (
    compositions,
    random_corner,
    read_factor,
    write_factor,
)
from head_patching.terms import HEAD_INPUTS


def whole_matrices(layer, head):
    """W_OV and what reads by q, k and v, each [d_model d_model]."""
    kv_head = head // layer.config.group_size
    W_OV = layer.W_V[kv_head] @ layer.W_O[head]
    W_QK = layer.W_Q[head] @ layer.W_K[kv_head].T
    return W_OV, {"q": W_QK, "k": W_QK.T, "v": W_OV}


@pytest.mark.parametrize("kind", HEAD_INPUTS)
def test_equal_to_whole_matrices(prepared, kind):
    model, _ = prepared
    obtained = compositions(model, seed=0)[kind].value
    for layer, head in model.config.heads:
        W_OV, _ = whole_matrices(model.layers[layer], head)
        for later, later_head in model.config.heads:
            _, reading = whole_matrices(model.layers[later], later_head)
            size = W_OV.norm() * reading[kind].norm()
            expected = float((W_OV @ reading[kind]).norm() / size)
            found = float(obtained[layer, head, later, later_head])
            assert found == pytest.approx(expected if layer < later else 0, abs=1e-5)


@pytest.mark.parametrize("kind", HEAD_INPUTS)
def test_equal_to_transformer_lens(prepared, kind):
    model, bridge = prepared
    expected = bridge.all_composition_scores(kind.upper()).scores
    obtained = compositions(model, seed=0)[kind].value
    np.testing.assert_allclose(obtained, expected.detach(), atol=1e-5)


def orthogonal(size, generator):
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_neither_size_nor_any_rotation_matters(build, seed):
    """Sizes of all weights, the stream's axes and each head's own axes."""
    generator = torch.Generator().manual_seed(seed)
    model = build("RMS", n_key_value_heads=2, seed=seed)
    before = compositions(model, seed=0)
    turned = copy.deepcopy(model)
    turn = orthogonal(16, generator)
    for layer in turned.layers:
        smaller, larger = 0.1 + 10 * torch.rand(2, generator=generator)
        layer.W_QKV[:] = smaller * turn @ layer.W_QKV
        inner = orthogonal(4, generator)
        values = layer.W_QKV.view(16, -1, 4)[:, -2:]
        values[:] = values @ inner
        layer.W_O[:] = larger * inner.T @ layer.W_O @ turn.T
    after = compositions(turned, seed=0)
    for kind in HEAD_INPUTS:
        for name in ("value", "baseline", "baseline_sd"):
            one, other = (getattr(each[kind], name) for each in (before, after))
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_heads_that_read_what_is_written_and_what_is_not(build):
    """Two orthogonal planes: one is written; one head reads it, another the other."""
    model = build("RMS", biases=False)
    planes = torch.eye(16).split(4)
    first, second = model.layers[:2]
    first.W_O[0] = planes[0]
    for head, plane in ((0, planes[0]), (1, planes[1])):
        second.W_K[head] = plane.T
    score = compositions(model, seed=0)["k"].value[0, 0, 1]
    # Orthonormal rows meet orthonormal columns: what is left are the outer factors.
    W_V, W_Q = first.W_V[0], second.W_Q[0]
    expected = (W_V @ W_Q.T).norm() / (W_V.norm() * W_Q.norm())
    assert float(score[0]) == pytest.approx(float(expected), abs=1e-6)
    assert float(score[1]) == pytest.approx(0, abs=1e-6)


def test_baseline_equal_to_matrices_turned_at_random(build):
    """Mean and spread over rotations of the whole W_OV, and 1 / d_model on paper."""
    model = build(n_key_value_heads=2)
    generator = torch.Generator().manual_seed(1)
    # A head that is nearly of rank 1 has the widest spread.
    model.layers[0].W_O[1, 1:] *= 0.05
    obtained = compositions(model, seed=0)
    W_OV, _ = whole_matrices(model.layers[0], 1)
    turns = [orthogonal_haar(16, generator) for _ in range(3000)]
    for kind in HEAD_INPUTS:
        reading = whole_matrices(model.layers[2], 3)[1][kind]
        size = W_OV.norm() * reading.norm()
        drawn = torch.stack([(W_OV @ turn @ reading).norm() / size for turn in turns])
        mean = float(obtained[kind].baseline[0, 1, 2, 3])
        sd = float(obtained[kind].baseline_sd[0, 1, 2, 3])
        assert mean == pytest.approx(float(drawn.mean()), abs=4 * sd / 10)
        assert sd == pytest.approx(float(drawn.std()), rel=0.25)
        assert mean**2 + sd**2 == pytest.approx(1 / 16, rel=0.1)


def orthogonal_haar(size, generator):
    basis, triangle = torch.linalg.qr(torch.randn(size, size, generator=generator))
    return basis * triangle.diagonal().sign()


def test_the_seed_decides_the_baseline_alone(build):
    model = build()
    one, same, other = (compositions(model, seed)["q"] for seed in (1, 1, 2))
    torch.testing.assert_close(one.value, other.value, rtol=0, atol=0)
    torch.testing.assert_close(one.baseline, same.baseline, rtol=0, atol=0)
    assert not torch.equal(one.baseline, other.baseline)


def test_a_head_of_zeros_composes_with_nothing(build):
    model = build()
    model.layers[0].W_O[2] = 0
    for scores in compositions(model, seed=0).values():
        for each in (scores.value, scores.baseline, scores.baseline_sd):
            assert (each[0, 2] == 0).all()
            assert torch.isfinite(each).all()


def test_a_corner_of_a_rotation(build):
    corner = random_corner(12, 12, torch.Generator().manual_seed(3))
    torch.testing.assert_close(corner @ corner.T, torch.eye(12, dtype=corner.dtype))


def test_no_factor_is_as_large_as_the_stream_squared(build):
    layer = build(n_key_value_heads=2).layers[0]
    assert write_factor(layer).shape == (4, 4, 16)
    assert {read_factor(layer, kind).shape for kind in HEAD_INPUTS} == {(4, 16, 4)}
