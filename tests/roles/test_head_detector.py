"""Scores on random tokens against TransformerLens's head detector.

It divides by all the attention there is, one unit for each query; we average over the
queries from which the place can be reached. Its induction pattern leaves out the first
entry of the diagonal, at which no earlier copy exists.
"""

import numpy as np
import pytest
import torch
from transformer_lens.head_detector import detect_head

from head_patching.roles.attention import (
    Protocol,
    plain_vocabulary,
    random_tokens,
    repeated_token_scores,
)
from tests.architectures import prepared  # noqa: F401

N_TOKENS, N_SEQUENCES = 10, 3


@pytest.fixture
def detected(prepared, monkeypatch):  # noqa: F811
    """Our scores, those of the detector on the same words, and our model and tokens."""
    model, bridge = prepared
    ours = repeated_token_scores(
        model, Protocol(N_TOKENS, 2, ""), seed=4, n_sequences=N_SEQUENCES
    )
    drawn = random_tokens(plain_vocabulary(model), N_TOKENS, N_SEQUENCES, seed=4)
    tokens = drawn.repeat(1, 2)
    # It takes texts, and would put a start token before each.
    monkeypatch.setattr(bridge, "to_tokens", lambda row: tokens[int(row)][None])

    def theirs(name):
        scores = [
            detect_head(bridge, str(row), f"{name}_head") for row in range(N_SEQUENCES)
        ]
        return torch.stack(scores, dim=-1).numpy()

    return ours, theirs, model, tokens


def test_previous_and_duplicate_token_scores(detected):
    ours, theirs, _, _ = detected
    queries = 2 * N_TOKENS
    for name, reached in (
        ("previous_token", queries - 1), ("duplicate_token", queries - N_TOKENS)
    ):  # fmt: skip
        expected = theirs(name) * queries / reached
        np.testing.assert_allclose(ours[f"{name}_score"], expected, atol=1e-5)


def test_induction_score_but_for_the_first_entry(detected):
    ours, theirs, model, tokens = detected
    first = np.stack(
        [
            model.run(row[None]).pattern[:, 0, :, N_TOKENS - 1, 0].numpy()
            for row in tokens
        ],
        axis=-1,
    )
    expected = (theirs("induction") * 2 * N_TOKENS + first) / (N_TOKENS + 1)
    np.testing.assert_allclose(ours["induction_score"], expected, atol=1e-5)
