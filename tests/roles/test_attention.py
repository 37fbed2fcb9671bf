"""Attention evidence on planted patterns."""

import numpy as np
import pytest
import torch

from head_patching.roles.attention import (
    N_SEQUENCES,
    PROTOCOLS,
    Protocol,
    attention_between,
    attention_elsewhere,
    diagonal_scores,
    random_tokens,
    repeated_token_scores,
)
from head_patching.tasks import tasks


def numbered_pattern():
    """Each entry says where it stands: layer, prompt, head, query, key."""
    index = torch.arange(2 * 3 * 4 * 5 * 5).view(2, 3, 4, 5, 5)
    return index.float()


def test_each_prompt_is_read_at_its_own_positions_only():
    pattern = numbered_pattern()
    queries, keys = torch.tensor([4, 3, 2]), torch.tensor([[0], [1], [2]])
    found = attention_between(pattern, queries, keys)
    assert found.shape == (2, 4, 3)
    for prompt, (query, key) in enumerate([(4, 0), (3, 1), (2, 2)]):
        torch.testing.assert_close(
            found[..., prompt], pattern[:, prompt, :, query, key]
        )


def test_attention_on_several_positions_adds_up():
    pattern = numbered_pattern()
    queries, keys = torch.tensor([4, 3, 4]), torch.tensor([[0, 2], [1, 3], [0, 1]])
    found = attention_between(pattern, queries, keys)
    torch.testing.assert_close(
        found[..., 1], pattern[:, 1, :, 3, 1] + pattern[:, 1, :, 3, 3]
    )


def test_attention_on_all_positions_is_one(model):
    pattern = model.run(torch.tensor([[1, 2, 3], [4, 5, 6]])).pattern
    everywhere = torch.arange(3).expand(2, 3)
    found = attention_between(pattern, torch.tensor([2, 1]), everywhere)
    torch.testing.assert_close(found, torch.ones(3, 4, 2))


def test_attention_elsewhere_by_hand():
    pattern = numbered_pattern()
    queries = torch.tensor([4, 3, 4])
    keys = torch.tensor([[1, 2], [0, 2], [4, 1]])
    found = attention_elsewhere(pattern, queries, keys)
    # All positions from 1 to the query but the keys; as many of them as keys.
    elsewhere = [(4, [3, 4]), (3, [1, 3]), (4, [2, 3])]
    for prompt, (query, others) in enumerate(elsewhere):
        on_others = pattern[:, prompt, :, query, others]
        torch.testing.assert_close(found[..., prompt], 2 * on_others.mean(dim=-1))


def test_uniform_attention_is_as_high_elsewhere():
    # Each of 5 or 4 positions gets the same; two keys get twice as much.
    pattern = torch.zeros(1, 2, 1, 5, 5)
    pattern[0, 0, 0, 4, :5], pattern[0, 1, 0, 3, :4] = 1 / 5, 1 / 4
    queries, keys = torch.tensor([4, 3]), torch.tensor([[1, 3], [2, 1]])
    for measure in (attention_between, attention_elsewhere):
        found = measure(pattern, queries, keys)
        torch.testing.assert_close(found.ravel(), torch.tensor([2 / 5, 2 / 4]))


def test_rest_on_the_first_position_does_not_count_as_elsewhere():
    pattern = torch.zeros(1, 1, 1, 4, 4)
    pattern[..., 3, 0], pattern[..., 3, 2] = 0.9, 0.1
    found = attention_elsewhere(pattern, torch.tensor([3]), torch.tensor([[1]]))
    assert float(found) == pytest.approx(0.1 / 2)  # of positions 2 and 3


def test_criteria_name_the_positions_they_read():
    for task in tasks().values():
        for criterion, (query, keys) in task.attention.items():
            if len(keys) == 1:
                assert criterion == f"attention.{query}.{keys[0]}"


def test_diagonals_by_hand():
    # Tokens a b c a b c: a perfect induction head attends from the second a (3) to
    # the first b (1), from b (4) to c (2), from c (5) to a (3): the token after.
    perfect = torch.zeros(3, 1, 6, 6)
    for query, key in ((3, 1), (4, 2), (5, 3)):
        perfect[0, 0, query, key] = 1
    for query, key in ((3, 0), (4, 1), (5, 2)):
        perfect[1, 0, query, key] = 1
    for query in range(1, 6):
        perfect[2, 0, query, query - 1] = 1
    scores = diagonal_scores(perfect, 3)
    # The induction diagonal also holds (2, 0), where no earlier copy exists: 3 of 4.
    assert scores["induction_score"].ravel().tolist() == [0.75, 0, 0]
    assert scores["duplicate_token_score"].ravel().tolist() == [0, 1, 0]
    assert scores["previous_token_score"].ravel().tolist() == [0, 0, 1]


def test_diagonals_of_three_copies_by_hand():
    # a b c three times: attention to several earlier copies adds up.
    found = torch.zeros(2, 1, 9, 9)
    for query in range(3, 9):
        earlier = range(query % 3, query, 3)
        for key in earlier:
            found[0, 0, query, key] = 1 / len(earlier)
            found[1, 0, query, key + 1] = 1 / len(earlier)
    scores = diagonal_scores(found, 3)
    np.testing.assert_allclose(scores["duplicate_token_score"].ravel(), [1, 0])
    # Of seven queries that reach two back, the first has no earlier copy.
    np.testing.assert_allclose(scores["induction_score"].ravel(), [0, 6 / 7])


def test_uniform_attention_scores_by_hand(build):
    model = build(d_vocab=60)
    for layer in model.layers:
        layer.W_QKV.zero_()
        layer.b_QKV.zero_()
    protocol = Protocol(n_tokens=3, n_copies=2, suffix="")
    scores = repeated_token_scores(model, protocol, seed=0)
    # Query i gives 1 / (i + 1) to each key up to i.
    expected = {
        "previous_token_score": np.mean([1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]),
        "duplicate_token_score": np.mean([1 / 4, 1 / 5, 1 / 6]),
        "induction_score": np.mean([1 / 3, 1 / 4, 1 / 5, 1 / 6]),
    }
    assert set(scores) == set(expected)
    for name, value in expected.items():
        assert scores[name].shape == (3, 4, N_SEQUENCES)
        np.testing.assert_allclose(scores[name], value, rtol=1e-5)
    # With a BOS in front every query has one key more, and no row is counted twice.
    scores = repeated_token_scores(model, protocol, seed=0, bos_token=1)
    expected = np.mean([1 / 5, 1 / 6, 1 / 7])
    np.testing.assert_allclose(scores["duplicate_token_score"], expected, rtol=1e-5)


def test_protocols_are_the_published_ones(build):
    assert [(each.n_tokens, each.n_copies) for each in PROTOCOLS] == [(100, 2), (25, 4)]
    model = build(n_ctx=256)
    ran = []
    run = model.run
    model.run = lambda tokens: ran.append(tokens) or run(tokens)
    for protocol in PROTOCOLS:
        ran.clear()
        repeated_token_scores(model, protocol, seed=1)
        assert len(ran) == N_SEQUENCES
        for tokens in ran:
            copies = tokens[0].reshape(protocol.n_copies, protocol.n_tokens)
            assert (copies == copies[0]).all()


def test_random_tokens_are_seeded_distinct_and_from_the_vocabulary():
    vocabulary = range(10, 40)
    tokens = random_tokens(vocabulary, 30, 4, seed=3)
    assert tokens.shape == (4, 30)
    for sequence in tokens:
        assert sorted(sequence.tolist()) == list(vocabulary)
    assert torch.equal(tokens, random_tokens(vocabulary, 30, 4, seed=3))
    assert not torch.equal(tokens, random_tokens(vocabulary, 30, 4, seed=4))
    assert not torch.equal(tokens[0], tokens[1])


def test_a_small_vocabulary_repeats_tokens():
    tokens = random_tokens([5, 6], 8, 2, seed=0)
    assert set(tokens.ravel().tolist()) <= {5, 6}


def test_special_tokens_are_not_drawn(build):
    class Tokenizer:
        all_special_ids = (0, 2)

        def __len__(self):
            return 6  # fewer than the 60 rows of the embedding

    model = build()
    model.read_tokenizer = Tokenizer
    ran = []
    run = model.run
    model.run = lambda tokens: ran.append(tokens) or run(tokens)
    repeated_token_scores(model, Protocol(4, 2, ""), seed=0)
    for tokens in ran:
        first, second = tokens[0, :4].tolist(), tokens[0, 4:].tolist()
        assert sorted(first) == [1, 3, 4, 5]
        assert first == second


def test_too_long_sequences_are_refused(build):
    with pytest.raises(ValueError, match="at most 64"):
        repeated_token_scores(build(), Protocol(25, 4, ""), seed=0)
