"""Attention of a few heads on one prompt, for a figure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.tasks import PromptPairs
from head_patching.tasks.tokens import Tokenizer
from head_patching.terms import WITHOUT_ROLE

N_HEADS = 4


def chosen_heads(roles: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """The strongest head of each role, and then the strongest of all others.

    Columns layer, head, role: at most `N_HEADS`. A head's strength is its largest
    absolute effect of any kind; heads with a role come first.
    """
    kinds = evidence["criterion"].str.match(r"(effect|path)\.")
    effects = evidence[kinds].assign(size=evidence["value"].abs())
    strength = effects.groupby(["layer", "head"])["size"].max().rename("strength")
    ranked = roles.merge(strength, on=["layer", "head"]).sort_values(
        ["strength", "layer", "head"], ascending=[False, True, True]
    )
    decided = ranked[~ranked["role"].isin(WITHOUT_ROLE)]
    first = decided.drop_duplicates("role")
    order = pd.concat([first, decided, ranked]).drop_duplicates(["layer", "head"])
    return order.head(N_HEADS)[["layer", "head", "role"]]


def typical_prompt(
    pairs: PromptPairs, patterns: Mapping[int, Float[Tensor, "head query key"]]
) -> int:
    """The index of a short prompt whose attention is typical.

    Of the shorter half of the prompts, whose tokens fit a small figure, the one whose
    attention between the named positions is nearest to the mean over all prompts.
    """
    lengths = {index: len(pairs[index].clean_tokens) for index in patterns}
    looks = {}
    for index, pattern in patterns.items():
        named = list(pairs[index].positions.values())
        looks[index] = pattern[:, named][:, :, named]
    mean = torch.stack([*looks.values()]).mean(dim=0)
    short = [index for index in looks if lengths[index] <= median(lengths.values())]
    return min(
        short, key=lambda index: (round(float((looks[index] - mean).norm()), 5), index)
    )


def attention_examples(
    tokenizer: Tokenizer,
    pairs: PromptPairs,
    batches: Iterable[tuple[Sequence[int], Activations, Activations]],
    heads: pd.DataFrame,
) -> pd.DataFrame:
    """Attention of some heads on a clean prompt that is typical of them.

    Columns: layer, head, role, query_pos, key_pos, query_token, key_token, attention,
    position (the name of the query's position, if it has one).
    """
    layers, numbers = heads["layer"].tolist(), heads["head"].tolist()
    patterns = {
        index: clean.pattern[layers, row, numbers]
        for indices, clean, _ in batches
        for row, index in enumerate(indices)
    }
    shown = typical_prompt(pairs, patterns)
    names = {place: name for name, place in pairs[shown].positions.items()}
    tokens = [tokenizer.decode([token]) for token in pairs[shown].clean_tokens]
    rows = [
        (head.layer, head.head, head.role, query, key, tokens[query], tokens[key],
         float(pattern[query, key]), names.get(query, ""))
        for head, pattern in zip(heads.itertuples(), patterns[shown], strict=True)
        for query in range(len(tokens))
        for key in range(query + 1)
    ]  # fmt: skip
    columns = ["layer", "head", "role", "query_pos", "key_pos", "query_token"]
    columns += ["key_token", "attention", "position"]
    return pd.DataFrame(rows, columns=columns)
