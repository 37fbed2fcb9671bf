"""Running the shared beginning of prompts once gives what whole forward passes give."""

import pytest
import torch

from head_patching.models.transformer import forward
from head_patching.patching.runs import common_beginning, run_both


@pytest.mark.parametrize("first", [0, 3, 6])
@pytest.mark.parametrize("n_common", [0, 2, 6])
def test_shared_beginnings_leave_no_trace(prepared, first, n_common):
    model, _ = prepared
    generator = torch.Generator().manual_seed(0)
    clean = torch.randint(1, 53, (3, 9), generator=generator)
    clean[:, :n_common] = clean[0, :n_common]
    corrupt = clean.clone()
    corrupt[:, first] = (clean[:, first] + 1) % 53
    runs = run_both(model, clean, corrupt, first)
    for run, tokens in zip(runs, (clean, corrupt), strict=True):
        for name, expected in forward(model, tokens).by_layer():
            obtained = getattr(run, name)
            torch.testing.assert_close(obtained, expected, rtol=1e-4, atol=1e-4)


def test_common_beginning_ends_at_the_first_difference():
    assert common_beginning(torch.tensor([[5, 6, 7, 8], [5, 6, 0, 8]])) == 2
    assert common_beginning(torch.tensor([[5, 6], [5, 6]])) == 2
    assert common_beginning(torch.tensor([[5, 6], [4, 6]])) == 0
