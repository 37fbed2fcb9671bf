"""Gradients of logit_diff, with respect to what attention writes in each layer."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.patching.runs import PairBatch, both_tokens, run_both
from head_patching.tasks.pairs import PromptPairs


def run_with_gradient(
    model: Model,
    pairs: PromptPairs,
    first: int,
    indices: Sequence[int],
    answer: Int[Tensor, " batch"],
    wrong_answer: Int[Tensor, " batch"],
    before: Activations | None = None,
) -> tuple[PairBatch, Float[Tensor, "layer batch suffix_pos d_model"]]:
    """Both runs of some pairs, and the mean of their gradients of logit_diff.

    The gradient is with respect to attn_out of each layer, from position `first` on.

    Parameters
    ----------
    first
        The first position in which clean and corrupt run differ.
    indices
        The pairs, counted in the whole set.
    answer, wrong_answer
        Their tokens.
    before
        The pairs' run up to `first`; computed when None.
    """
    clean, corrupt = both_tokens(model, [pairs[index] for index in indices])
    two_runs, suffix = 2 * len(indices), clean.shape[1] - first
    shape = (model.config.n_layers, two_runs, suffix, model.config.d_model)
    with torch.enable_grad():
        like = {"device": model.device, "dtype": model.W_E.dtype}
        added = torch.zeros(shape, **like, requires_grad=True)
        runs = run_both(model, clean, corrupt, first, added, before)
        answers = answer, wrong_answer
        sum(logit_diff(run.final_logits, *answers).sum() for run in runs).backward()
    firsts = [first] * len(indices)
    batch = PairBatch(list(indices), firsts, *(run.detached() for run in runs))
    batch.require_finite(model)
    return batch, torch.stack(added.grad.chunk(2, dim=1)).mean(dim=0)
