"""A batch is cut so that lanes have work, and products stay large."""

import numpy as np
import pytest

from head_patching.patching.runs import run_pairs
from head_patching.patching.shares import ROWS_WORTH_CUTTING, shares
from tests.architectures import random_pairs


@pytest.mark.parametrize(
    ("n_heads", "n_shares"), [(1, 1), (99, 1), (100, 2), (800, 2), (1300, 4)]
)
def test_few_rows_stay_together(prepared, n_heads, n_shares):
    """Two pairs of five positions after the first difference: ten rows a head.

    So 100 heads are a thousand rows, which two lanes share by heads. With 800 heads
    each pair has 4000 of the 6000 rows of a share, with 1300 it has more than those.
    """
    assert ROWS_WORTH_CUTTING == 1000
    model, _ = prepared
    pairs = random_pairs(seed=3, lengths=(7, 7)).select([0, 1])
    (batch,) = run_pairs(model, pairs, pairs_per_batch=2)
    heads = [(0, head) for head in range(n_heads)]
    assert batch.clean.n_positions - batch.first == 5
    cut = shares(pairs, batch, [None], heads)
    assert len(cut) == n_shares
    patched = [
        (pair, head) for s in cut for pair in s.batch.indices for head in s.heads
    ]
    assert sorted(patched) == [(pair, head) for pair in (0, 1) for head in heads]
    np.testing.assert_allclose(sum(share.work for share in cut), 1)
