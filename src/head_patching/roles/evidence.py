"""Everything measured about a head, as one tidy table with intervals.

Columns: layer, head, criterion, value, ci_low, ci_high, n. Criteria:

- `attention.END.IO` and the like: mean attention on clean prompts;
- `direct_effect`: the head's term in the clean logit_diff, in logits;
- `direct_recovery`: the same term, clean minus corrupt, as a share of clean minus
  corrupt logit_diff: what patching the head restores without help of other heads;
- `copy_score`, `negative_copy_score`: OV copying of names;
- `previous_token_score`, `duplicate_token_score`, `induction_score`: attention on
  repeated random tokens;
- `effect.{direction}.{patch_type}`: the patching effects, as `effects.csv` has them.

Intervals resample whole templates; on random tokens, whole sequences.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.metrics import logit_diff
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model
from head_patching.roles.attention import (
    ATTENTION,
    attention_between,
    repeated_token_scores,
)
from head_patching.roles.direct import direct_effects
from head_patching.roles.weights import copy_scores
from head_patching.statistics import bootstrap_mean, bootstrap_ratio
from head_patching.tasks.pairs import PromptPair, PromptPairs

COPIED_NAMES = ("IO", "S1", "S2")
KEYS = ["layer", "head", "criterion"]

Batch = tuple[Sequence[int], Activations, Activations]
PerPair = dict[str, np.ndarray]  # criterion -> [layer head pair] or [pair]


def measure_evidence(
    model: Model,
    pairs: PromptPairs,
    batches: Iterable[Batch],
    effects: pd.DataFrame,
    *,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
    n_random_tokens: int = 100,
    n_random_sequences: int = 4,
) -> pd.DataFrame:
    """The evidence about every head of a model on one set of pairs.

    Parameters
    ----------
    batches
        Indices into `pairs`, clean and corrupt activations; together all pairs.
    effects
        Rows of `effects.csv`.
    seed
        Of the bootstrap and of the random tokens.
    """
    groups = np.array([pair.template for pair in pairs])
    on_pairs = evidence_per_pair(model, pairs, batches)
    ratio = on_pairs.pop("direct_change"), on_pairs.pop("logit_diff_change")
    recovery = bootstrap_ratio(*ratio, groups, n_resamples, seed, level)
    tables = [effect_evidence(effects)]
    tables.append(tidy("direct_recovery", recovery, len(pairs)))
    for criterion, values in on_pairs.items():
        interval = bootstrap_mean(values, groups, n_resamples, seed, level)
        tables.append(tidy(criterion, interval, len(pairs)))

    bos_token = model.tokenizer.bos_token_id if pairs.prepend_bos else None
    on_random_tokens = repeated_token_scores(
        model, n_random_tokens, n_random_sequences, seed, bos_token
    )
    sequences = np.arange(n_random_sequences)
    for criterion, values in on_random_tokens.items():
        interval = bootstrap_mean(values, sequences, n_resamples, seed, level)
        tables.append(tidy(criterion, interval, n_random_sequences))
    return pd.concat(tables).sort_values(KEYS, ignore_index=True)


def evidence_per_pair(
    model: Model, pairs: PromptPairs, batches: Iterable[Batch]
) -> PerPair:
    """What the cached activations say, for every pair in the order of `pairs`.

    Besides the criteria of the table: `direct_change` [layer head pair], the direct
    effect in the clean minus in the corrupt run, and `logit_diff_change` [pair].
    """
    collected: PerPair = {}
    seen = np.zeros(len(pairs), dtype=int)
    for indices, clean, corrupt in batches:
        chosen = [pairs[index] for index in indices]
        seen[list(indices)] += 1
        for name, values in _batch_evidence(model, chosen, clean, corrupt).items():
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
    model: Model, pairs: Sequence[PromptPair], clean: Activations, corrupt: Activations
) -> PerPair:
    """The same for one batch of prompts of equal length."""
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
    for criterion, (query, keys) in ATTENTION.items():
        at_query = _positions(pairs, (query,), device)[:, 0]
        at_keys = _positions(pairs, keys, device)
        measured[criterion] = attention_between(clean.pattern, at_query, at_keys)

    at_names = _positions(pairs, COPIED_NAMES, device)  # [pair name]
    rows = torch.arange(len(pairs), device=device)[:, None]
    tokens = torch.tensor([pair.clean_tokens for pair in pairs], device=device)
    copied = copy_scores(
        model, _after_first_layer(clean)[rows, at_names], tokens[rows, at_names]
    )
    return {name: values.cpu().numpy() for name, values in measured.items()} | {
        "copy_score": copied[0],
        "negative_copy_score": copied[1],
    }


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


def effect_evidence(effects: pd.DataFrame) -> pd.DataFrame:
    """Patching effects as evidence, one criterion per direction and patch type."""
    criterion = "effect." + effects["direction"] + "." + effects["patch_type"]
    columns = {"effect": "value", "n_pairs": "n"}
    table = effects.assign(criterion=criterion).rename(columns=columns)
    return table[[*KEYS, "value", "ci_low", "ci_high", "n"]]


def tidy(
    criterion: str, interval: tuple[np.ndarray, np.ndarray, np.ndarray], n: int
) -> pd.DataFrame:
    """Rows of the evidence table from estimate, low and high [layer head]."""
    value, low, high = interval
    layers, heads = np.indices(value.shape)
    return pd.DataFrame(
        {
            "layer": layers.ravel(),
            "head": heads.ravel(),
            "criterion": criterion,
            "value": value.ravel(),
            "ci_low": low.ravel(),
            "ci_high": high.ravel(),
            "n": n,
        }
    )
