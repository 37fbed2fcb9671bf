"""Metrics of a run, read off its logits."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def logit_diff(
    logits: Float[Tensor, "... pair d_vocab"],
    answer: Int[Tensor, " pair"],
    wrong_answer: Int[Tensor, " pair"],
) -> Float[Tensor, "... pair"]:
    """logit(answer) - logit(wrong answer)."""
    pair = torch.arange(len(answer), device=logits.device)
    return logits[..., pair, answer] - logits[..., pair, wrong_answer]


def answer_probability(
    logits: Float[Tensor, "... pair d_vocab"], answer: Int[Tensor, " pair"]
) -> Float[Tensor, "... pair"]:
    """Softmax probability of the answer token."""
    pair = torch.arange(len(answer), device=logits.device)
    return (logits[..., pair, answer] - logits.logsumexp(dim=-1)).exp()


def kl_from_clean(
    clean_logits: Float[Tensor, "pair d_vocab"],
    logits: Float[Tensor, "... pair d_vocab"],
) -> Float[Tensor, "... pair"]:
    """KL divergence D(clean || patched) of the next-token distributions, in nats.

    Rounding cannot make it negative: it is at least 0.
    """
    expected = clean_logits.log_softmax(dim=-1)
    difference = expected - logits.log_softmax(dim=-1)
    return (expected.exp() * difference).sum(dim=-1).clamp(min=0)
