"""Matches of tokens against forward passes, one pair of tokens at a time.

In a model whose heads and MLPs write nothing, every layer sees the embedding of each
token: queries, keys and values of a run are then those of tokens that stand alone.
"""

import copy

import pytest
import torch

from head_patching.models.layers import per_query_head
from head_patching.roles.inspection.qk import (
    offsets_of,
    own_highest_,
    same_token_shares,
    same_token_shares_through,
)

TOKENS = torch.arange(3, 15)


@pytest.fixture
def silent(prepared):
    """A model of each architecture, and the same if it wrote nothing.

    Keys are made somewhat like queries, so that shares are graded.
    """
    model = copy.deepcopy(prepared[0])
    for layer in model.layers:
        layer.W_K[:] += 0.5 * layer.W_Q[:: model.config.group_size]
    made = copy.deepcopy(model)
    if made.W_pos is not None:
        made.W_pos.zero_()
    for layer in made.layers:
        for writing in (layer.W_O, layer.b_O, layer.W_out, layer.b_out):
            if writing is not None:
                writing.zero_()
    return model, made


def run_scores(silent, offset):
    """q at a token `offset` after each other token, and k there: [layer head i j]."""
    n, before = len(TOKENS), 2
    prompts = torch.zeros(n * n, before + offset + 1, dtype=torch.long)
    prompts[:, before] = TOKENS.repeat(n)
    prompts[:, -1] = TOKENS.repeat_interleave(n)
    run = silent.run(prompts)
    keys = per_query_head(run.k[:, :, before], silent.config)
    scores = (run.q[:, :, -1] * keys).sum(dim=-1)  # [layer pair head]
    return scores.unflatten(1, (n, n)).permute(0, 3, 1, 2)


def highest_by_hand(scores):
    """Share of queries for which no other key comes up to the own one."""
    n = len(scores)
    return sum(
        all(scores[i, i] > scores[i, j] for j in range(n) if j != i) for i in range(n)
    ) / len(scores)


@pytest.mark.parametrize("offset", [1, 4, 16])
def test_same_token_equal_to_forward_passes(silent, offset):
    model, quiet = silent
    obtained = same_token_shares(model, model.W_E[TOKENS], offset)
    scores = run_scores(quiet, offset)
    for layer, head in model.config.heads:
        expected = highest_by_hand(scores[layer, head])
        assert float(obtained[layer, head]) == pytest.approx(expected)
    assert len(obtained.unique()) > 2


def test_through_a_head_equal_to_forward_passes(silent):
    model, quiet = silent
    config, offset = model.config, 2
    obtained = same_token_shares_through(model, model.W_E[TOKENS], (1, offset))
    alone = quiet.run(TOKENS[:, None])  # each token attends to itself: z is its value
    # Behind a prefix of other tokens, so that only the distance counts.
    at_offset = quiet.run(
        torch.cat((torch.zeros(len(TOKENS), offset).long(), TOKENS[:, None]), dim=1)
    )
    queries = at_offset.q[:, :, -1]  # [layer token head d_head]
    for layer, head in config.heads:
        write = alone.z[layer, :, 0, head] @ model.layers[layer].W_O[head]
        for later, later_head in config.heads:
            found = float(obtained[1, layer, head, later, later_head])
            if later <= layer:
                assert found == 0
                continue
            W_K = model.layers[later].W_K[later_head // config.group_size]
            scores = queries[later, :, later_head] @ (write @ W_K).T
            assert found == pytest.approx(highest_by_hand(scores))
    assert len(obtained.unique()) > 2


def test_equal_scores_match_nothing():
    assert float(own_highest_(torch.ones(5, 5))) == 0
    scores = torch.tensor([[2.0, 1, 0], [0, 1, 1], [0, 0, 3]])
    assert float(own_highest_(scores)) == pytest.approx(2 / 3)


def test_distance_counts_only_in_rotary_models(silent):
    model, _ = silent
    assert (offsets_of(model) == (0,)) == (model.rotary_cos is None)
    if model.rotary_cos is None:
        shares = [same_token_shares(model, model.W_E[TOKENS], d) for d in (0, 16)]
        torch.testing.assert_close(*shares)


def test_an_offset_beyond_the_positions_is_refused(silent):
    model, _ = silent
    if model.rotary_cos is not None:
        with pytest.raises(ValueError, match="an offset below the 32 position"):
            same_token_shares(model, model.W_E[TOKENS], 32)
