"""Which heads are shown on which prompt, and that their attention is the model's."""

import pandas as pd
import pytest
import torch

from head_patching.patching.runs import run_pairs
from head_patching.roles.examples import (
    attention_examples,
    chosen_heads,
    typical_prompt,
)
from head_patching.tasks.ioi import ioi_pairs
from tests.planted_models import planted_model


def evidence(strengths):
    rows = [
        {"layer": layer, "head": head, "criterion": criterion, "value": value}
        for (layer, head), value in strengths.items()
        for criterion in ("path.logits", "attention.END.IO")
    ]
    table = pd.DataFrame(rows)
    # However much a head attends, it is its effects that count.
    table.loc[table["criterion"] == "attention.END.IO", "value"] = 9 - table["value"]
    return table


def roles(by_head):
    rows = [(*head, role) for head, role in by_head.items()]
    return pd.DataFrame(rows, columns=["layer", "head", "role"])


def shown(by_head, strengths):
    table = chosen_heads(roles(by_head), evidence(strengths))
    return list(zip(table["layer"], table["head"], strict=True))


def test_the_strongest_head_of_each_role_comes_first():
    by_head = {
        (0, 0): "induction",
        (0, 1): "induction",
        (1, 0): "name mover",
        (1, 1): "undecided",
        (2, 0): "no role",
        (2, 1): "no role",
    }
    strengths = dict(zip(by_head, (0.1, -0.3, 0.2, 0.9, 0.4, 0.0), strict=True))
    assert shown(by_head, strengths) == [(0, 1), (1, 0), (0, 0), (1, 1)]


def test_without_roles_the_strongest_heads_are_shown():
    by_head = {(0, head): "no role" for head in range(6)}
    strengths = {(0, head): 0.1 * head for head in range(6)}
    assert shown(by_head, strengths) == [(0, 5), (0, 4), (0, 3), (0, 2)]


@pytest.fixture(scope="module")
def examples():
    model = planted_model("gpt2")
    pairs = ioi_pairs(model.tokenizer, 6)
    batches = ((b.indices, b.clean, b.corrupt) for b in run_pairs(model, pairs, 2))
    heads = roles({(3, 1): "induction", (7, 7): "no role"})
    return model, pairs, attention_examples(model.tokenizer, pairs, batches, heads)


def prompt_of(table):
    """The prompt in a table of attention, without its start token."""
    words = table.drop_duplicates("query_pos").sort_values("query_pos")["query_token"]
    return "".join(words[1:]).replace(" ", "")


def test_the_prompt_of_average_attention_is_shown_unless_it_is_long(examples):
    _, pairs, table = examples
    lengths = {index: len(pair.clean_tokens) for index, pair in enumerate(pairs)}
    first, typical, *others, longest = sorted(lengths, key=lengths.get)
    asking, asked = list(pairs[0].positions)[-1:-3:-1]
    # Two prompts attend as the average does; the others more or less by as much.
    far = {typical: 0.0, longest: 0.0}
    far |= {index: 0.3 * (-1) ** n for n, index in enumerate([first, *others])}
    patterns = {}
    for index, length in lengths.items():
        patterns[index], at = torch.zeros(1, length, length), pairs[index].positions
        patterns[index][0, at[asking], at[asked]] = 0.5 + far[index]
    assert sum(far.values()) == 0
    assert typical_prompt(pairs, patterns) == typical
    assert prompt_of(table) in {pair.clean.replace(" ", "") for pair in pairs}


def test_attention_is_the_model_s(examples):
    model, pairs, table = examples
    [pair] = [p for p in pairs if p.clean.replace(" ", "") == prompt_of(table)]
    pattern = model.run(torch.tensor([pair.clean_tokens])).pattern[:, 0]
    for row in table.itertuples():
        expected = float(pattern[row.layer, row.head, row.query_pos, row.key_pos])
        assert row.attention == pytest.approx(expected, abs=1e-5)
    sums = table.groupby(["layer", "head", "query_pos"])["attention"].sum()
    assert sums.tolist() == pytest.approx([1.0] * len(sums), abs=1e-5)


def test_named_positions_are_marked(examples):
    _, pairs, table = examples
    [pair] = [p for p in pairs if p.clean.replace(" ", "") == prompt_of(table)]
    named = table[table["position"] != ""]
    found = dict(zip(named["position"], named["query_pos"], strict=True))
    assert found == pair.positions
