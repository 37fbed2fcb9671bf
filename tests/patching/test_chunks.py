"""A batch is cut so that threads have work, and products stay large."""

import numpy as np
import pytest

from head_patching.patching.chunks import VECTORS_WORTH_CUTTING, chunks_of
from head_patching.patching.runs import run_pairs
from tests.architectures import random_pairs


@pytest.mark.parametrize(
    ("n_heads", "n_chunks"), [(1, 1), (99, 1), (100, 2), (800, 2), (1300, 4)]
)
def test_few_vectors_stay_together(prepared, n_heads, n_chunks):
    """Two pairs of five positions after the first difference: ten vectors a head.

    So 100 heads are a thousand vectors, cut by heads for two threads. With 800 heads
    each pair has 4000 of the 6000 vectors of a chunk, with 1300 it has more than those.
    """
    assert VECTORS_WORTH_CUTTING == 1000
    model, _ = prepared
    pairs = random_pairs(seed=3, lengths=(7, 7)).select([0, 1])
    (batch,) = run_pairs(model, pairs, pairs_per_batch=2)
    heads = [(0, head) for head in range(n_heads)]
    assert batch.clean.n_positions - batch.first == 5
    cut = chunks_of(pairs, batch, [None], heads)
    assert len(cut) == n_chunks
    patched = [
        (pair, head) for c in cut for pair in c.batch.indices for head in c.heads
    ]
    assert sorted(patched) == [(pair, head) for pair in (0, 1) for head in heads]
    np.testing.assert_allclose(sum(chunk.fraction for chunk in cut), 1)
