"""Attention of a few heads on one prompt, to be looked at."""

from collections.abc import Iterable, Sequence

import pandas as pd

from head_patching.models.activations import Activations
from head_patching.roles.classify import NO_ROLE, UNDECIDED
from head_patching.tasks import PromptPairs
from head_patching.tasks.tokens import Tokenizer

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
    decided = ranked[~ranked["role"].isin([UNDECIDED, NO_ROLE])]
    first = decided.drop_duplicates("role")
    order = pd.concat([first, decided, ranked]).drop_duplicates(["layer", "head"])
    return order.head(N_HEADS)[["layer", "head", "role"]]


def shortest_prompt(pairs: PromptPairs, indices: Sequence[int]) -> int:
    """The first of the shortest prompts: its tokens fit beside a small drawing."""
    return min(indices, key=lambda index: (len(pairs[index].clean_tokens), index))


def attention_examples(
    tokenizer: Tokenizer,
    pairs: PromptPairs,
    batches: Iterable[tuple[Sequence[int], Activations, Activations]],
    heads: pd.DataFrame,
) -> pd.DataFrame:
    """Attention of some heads on the shortest clean prompt.

    Columns: layer, head, role, query_pos, key_pos, query_token, key_token, attention,
    position (the name of the query's position, if it has one).
    """
    shortest = shortest_prompt(pairs, range(len(pairs)))
    names = {place: name for name, place in pairs[shortest].positions.items()}
    tokens = [tokenizer.decode([token]) for token in pairs[shortest].clean_tokens]
    rows = []
    for indices, clean, _ in batches:
        if shortest not in indices:
            continue
        of_prompt = clean.pattern[:, list(indices).index(shortest)]
        for head in heads.itertuples():
            pattern = of_prompt[head.layer, head.head]
            rows += [
                (head.layer, head.head, head.role, query, key, tokens[query],
                 tokens[key], float(pattern[query, key]), names.get(query, ""))
                for query in range(len(tokens))
                for key in range(query + 1)
            ]  # fmt: skip
    columns = ["layer", "head", "role", "query_pos", "key_pos", "query_token"]
    columns += ["key_token", "attention", "position"]
    return pd.DataFrame(rows, columns=columns)
