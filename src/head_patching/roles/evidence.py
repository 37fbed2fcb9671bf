"""What a head attends to, writes and copies, on every prompt and random sequence.

- `attention.END.IO` and the like, as the task lists them: attention on clean prompts,
  and for each its baseline, `.elsewhere`: the attention that random positions would get
  from this query;
- `direct_effect`: the head's term in the clean logit_diff, in logits;
- `direct_recovery`: this term, clean minus corrupt, as a share of clean minus corrupt
  logit_diff: what patching the head restores without other heads;
- `copy_score`, `negative_copy_score`: OV copying of the tokens that the task lists;
- `previous_token_score`, `duplicate_token_score`, `induction_score`: attention on
  repeated random tokens, in two published protocols.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.roles.attention import (
    N_SEQUENCES,
    PROTOCOLS,
    Protocol,
    attention_between,
    attention_elsewhere,
    repeated_token_scores,
)
from head_patching.roles.copying import copy_scores
from head_patching.roles.direct import direct_effects
from head_patching.roles.measured import Measured, average
from head_patching.tasks import PromptPair, PromptPairs, Task, find_task

Batch = tuple[Sequence[int], Activations, Activations]
PerPair = dict[str, np.ndarray]  # criterion -> [layer head pair] or [pair]


def measure_evidence(
    model: Model, pairs: PromptPairs, batches: Iterable[Batch], seed: int
) -> list[Measured]:
    """The evidence about every head of a model on one set of pairs.

    Parameters
    ----------
    batches
        Indices into `pairs`, clean and corrupt activations; together all pairs.
    seed
        Of the random tokens.
    """
    on_pairs = evidence_on_pairs(model, pairs, batches)
    return on_pairs + evidence_on_tokens(model, seed, pairs.prepend_bos)


def evidence_on_pairs(
    model: Model, pairs: PromptPairs, batches: Iterable[Batch]
) -> list[Measured]:
    """The evidence on prompts: attention, direct effects, copying."""
    templates = pairs.templates
    on_pairs = evidence_per_pair(model, pairs, batches)
    change, scale = on_pairs.pop("direct_change"), on_pairs.pop("logit_diff_change")
    untested = np.zeros(change.shape[:2], dtype=bool)
    measured = [Measured("direct_recovery", change, scale, templates, untested)]
    measured += [average(name, values, templates) for name, values in on_pairs.items()]
    return measured


def evidence_on_tokens(
    model: Model,
    seed: int,
    prepend_bos: bool,
    protocols: Sequence[Protocol] = PROTOCOLS,
    n_sequences: int = N_SEQUENCES,
) -> list[Measured]:
    """The evidence on repeated random tokens, which serves all tasks.

    Parameters
    ----------
    seed
        Of the random tokens.
    prepend_bos
        Whether a BOS token is put before each sequence.
    protocols
        Lengths and numbers of the copies.
    n_sequences
        Random sequences of each protocol.
    """
    bos_token = model.tokenizer.bos_token_id if prepend_bos else None
    sequences, measured = np.arange(n_sequences), []
    for protocol in protocols:
        scores = repeated_token_scores(model, protocol, seed, bos_token, n_sequences)
        measured += [
            average(name + protocol.suffix, values, sequences, "sequence")
            for name, values in scores.items()
        ]
    return measured


def evidence_per_pair(
    model: Model, pairs: PromptPairs, batches: Iterable[Batch]
) -> PerPair:
    """The evidence in the cached activations, for every pair in the order of `pairs`.

    Besides the criteria of the table: `direct_change` [layer head pair], the direct
    effect in the clean minus in the corrupt run, and `logit_diff_change` [pair].
    """
    task, collected = find_task(pairs.task), dict[str, np.ndarray]()
    seen = np.zeros(len(pairs), dtype=int)
    for indices, clean, corrupt in batches:
        chosen = [pairs[index] for index in indices]
        seen[list(indices)] += 1
        measured = _batch_evidence(model, task, chosen, clean, corrupt)
        for name, values in measured.items():
            shape = (*values.shape[:-1], len(pairs))
            collected.setdefault(name, np.empty(shape))[..., list(indices)] = values
    if (seen != 1).any():
        wrong = int(np.flatnonzero(seen != 1)[0])
        raise ValueError(
            f"expected activations of each of {len(pairs)} pairs once, got pair "
            f"{wrong} {seen[wrong]} times"
        )
    return collected


def _batch_evidence(
    model: Model,
    task: Task,
    pairs: Sequence[PromptPair],
    clean: Activations,
    corrupt: Activations,
) -> PerPair:
    """The evidence per pair of one batch of prompts of equal length."""
    device = model.device
    answers = torch.tensor([pair.answer_token for pair in pairs], device=device)
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs], device=device)
    direct = direct_effects(model, clean, answers, wrong)
    change = direct - direct_effects(model, corrupt, answers, wrong)
    logits = torch.stack((clean.final_logits, corrupt.final_logits))
    of_clean, of_corrupt = logit_diff(logits, answers, wrong)
    measured: dict[str, Tensor] = {
        "direct_effect": direct,
        "direct_change": change,
        "logit_diff_change": of_clean - of_corrupt,
    }
    for criterion, (query, keys) in task.attention.items():
        at_query = _positions(pairs, (query,), device)[:, 0]
        at_keys = _positions(pairs, keys, device)
        measured[criterion] = attention_between(clean.pattern, at_query, at_keys)
        measured[f"{criterion}.elsewhere"] = attention_elsewhere(
            clean.pattern, at_query, at_keys
        )
    found = {name: values.cpu().numpy() for name, values in measured.items()}
    if task.copied:
        at = _positions(pairs, task.copied, device)  # [pair copied]
        rows = torch.arange(len(pairs), device=device)[:, None]
        tokens = torch.tensor([pair.clean_tokens for pair in pairs], device=device)
        scores = copy_scores(
            model, _after_first_layer(clean)[rows, at], tokens[rows, at]
        )
        found |= zip(("copy_score", "negative_copy_score"), scores, strict=True)
    return found


def _after_first_layer(
    activations: Activations,
) -> Float[Tensor, "batch position d_model"]:
    """The residual stream between the first and the second layer."""
    if activations.resid_pre.shape[0] < 2:
        raise ValueError("copy scores need a model of at least 2 layers")
    return activations.resid_pre[1]


def _positions(
    pairs: Sequence[PromptPair], names: Sequence[str], device: torch.device
) -> Tensor:
    """Positions [pair name], or a ValueError naming the position a prompt lacks."""
    for pair in pairs:
        for name in names:
            if name not in pair.positions:
                raise ValueError(
                    f"role evidence needs the position {name!r}, which this prompt "
                    f"does not name: {pair.clean!r}"
                )
    found = [[pair.positions[name] for name in names] for pair in pairs]
    return torch.tensor(found, device=device)
