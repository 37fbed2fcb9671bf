"""How well a model repeats random tokens: induction as behaviour of the whole model.

In a sequence of random tokens only an earlier occurrence determines the next token
(Olsson et al. 2022, arXiv 2209.11895, section 3).
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.transformer import Model, unembed
from head_patching.patching.propagate import final_residual
from head_patching.roles.attention import plain_vocabulary, random_tokens
from head_patching.statistics import bootstrap_mean

SMALL_VOCABULARY = 5000

# Positions that are run at once: their attention patterns are in memory.
POSITIONS_AT_ONCE = 1024

METRICS = ("accuracy", "probability", "logit_diff")


def distances_that_fit(
    model: Model, distances: Sequence[int], n_copies: int, prepend_bos: bool
) -> list[int]:
    """The distances whose sequences the model takes; a warning names the others.

    Raises
    ------
    ValueError
        When a distance is below 2, or none fits.
    """
    for distance in distances:
        if distance < 2:
            raise ValueError(f"distance is {distance}: allowed: whole numbers from 2")
    longest = (model.longest_prompt - prepend_bos) // n_copies
    fitting = [distance for distance in distances if distance <= longest]
    left_out = [distance for distance in distances if distance > longest]
    name, most = model.config.name, model.longest_prompt
    if not fitting:
        raise ValueError(
            f"distance {min(distances)} in {n_copies} copies makes "
            f"{n_copies * min(distances) + prepend_bos} tokens, but {name} takes at "
            f"most {most}"
        )
    if left_out:
        warnings.warn(
            f"{name} takes at most {most} tokens: {n_copies} copies at distance "
            f"{', '.join(map(str, left_out))} are left out",
            stacklevel=2,
        )
    return fitting


def measure_repetition(
    model: Model,
    distances: Sequence[int],
    n_copies: int,
    n_sequences: int,
    seed: int,
    prepend_bos: bool = False,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """How well the next token is predicted, by distance and number of its copies.

    Columns: distance, copies (earlier occurrences of the token before), metric, mean,
    ci_low, ci_high, n_sequences. `accuracy` is the share of tokens that are the most
    likely next token; `logit_diff` the logit of the next token less the mean logit of
    the others in the sequence. Intervals are percentile bootstraps over sequences.

    Parameters
    ----------
    distances
        Tokens from one copy to the next, that is the length of a copy.
    n_copies
        How often the random tokens occur in a sequence.
    n_sequences
        Random sequences of each distance.
    seed
        Of the random tokens and of the bootstrap.
    prepend_bos
        Whether a BOS token is put before each sequence.
    n_resamples, level
        Resamples of the bootstrap, and coverage of the intervals, between 0 and 1.
    """
    vocabulary = frequent_tokens(model)
    rows = []
    for distance in distances_that_fit(model, distances, n_copies, prepend_bos):
        drawn = random_tokens(vocabulary, distance, n_sequences, seed)
        measured = repetition(model, drawn, n_copies, prepend_bos)
        for number, metric in enumerate(METRICS):
            for copy in range(1, n_copies):
                interval = bootstrap_mean(
                    measured[number, copy - 1], np.arange(n_sequences), n_resamples,
                    seed, level,
                )  # fmt: skip
                mean, low, high = (float(value) for value in interval)
                rows.append((distance, copy, metric, mean, low, high, n_sequences))
    columns = ["distance", "copies", "metric", "mean", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=[*columns, "n_sequences"])


def frequent_tokens(model: Model) -> list[int]:
    """Tokens that are neither very common nor rare; all tokens of a small vocabulary.

    Byte-pair encoding numbers its tokens about by frequency: the fiftieth part with the
    lowest numbers and the four fifths with the highest are left out (Wang et al.'s
    released code takes ids 1000 to 9999 of 50257).
    """
    plain = plain_vocabulary(model)
    if len(plain) < SMALL_VOCABULARY:
        return plain
    return plain[len(plain) // 50 : len(plain) // 5]


@torch.no_grad()
def repetition(
    model: Model,
    drawn: Int[Tensor, "sequence token"],
    n_copies: int,
    prepend_bos: bool,
) -> Float[np.ndarray, "metric copy sequence"]:
    """The metrics in every copy but the first, averaged over its tokens.

    The first token of a copy is not counted: in the second copy nothing predicts it.
    """
    n_tokens, start = drawn.shape[1], []
    if prepend_bos:
        start = [model.tokenizer.bos_token_id]
    prompts = drawn.repeat(1, n_copies).to(model.device)
    prompts = torch.cat(
        (prompts.new_tensor(start).expand(len(prompts), -1), prompts), 1
    )
    by_sequence = []
    for batch in prompts.split(max(1, POSITIONS_AT_ONCE // prompts.shape[1])):
        final = final_residual(model, model.run(batch), pos=slice(None))
        for tokens, resid in zip(batch, final, strict=True):
            words = tokens[len(start) :][:n_tokens]
            # Each token of the later copies is predicted at the token before it: the
            # other positions are not unembedded.
            before = resid[len(start) :].unflatten(0, (n_copies, n_tokens))[1:, :-1]
            logits = unembed(model, before)
            answers = words[1:].expand(n_copies - 1, -1)
            by_sequence.append(metrics(logits, answers, words))
    return torch.stack(by_sequence, dim=-1).cpu().double().numpy()


def metrics(
    logits: Float[Tensor, "copy token d_vocab"],
    answers: Int[Tensor, "copy token"],
    words: Int[Tensor, " word"],
) -> Float[Tensor, "metric copy"]:
    """The metrics of one sequence, in the order of `METRICS`."""
    own = logits.gather(-1, answers[..., None])[..., 0]
    accuracy = (logits.argmax(dim=-1) == answers).float()
    probability = (own - logits.logsumexp(dim=-1)).exp()
    of_words = logits[..., words]
    others = (of_words.sum(dim=-1) - own) / (len(words) - 1)
    return torch.stack((accuracy, probability, own - others)).mean(dim=-1)
