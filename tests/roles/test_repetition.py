"""Continuing repeated tokens: against the model's own logits, and by hand."""

import numpy as np
import pytest
import torch

from head_patching.models.transformer import unembed
from head_patching.patching.propagate import final_residual
from head_patching.roles.attention import plain_vocabulary, random_tokens
from head_patching.roles.repetition import (
    METRICS,
    frequent_tokens,
    measure_repetition,
    metrics,
    repetition,
)
from head_patching.tasks.ioi_templates import NAMES
from tests.planted_models import planted_model


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_logits_at_every_position_are_those_of_the_prompt_cut_there(architecture):
    model = planted_model(architecture)
    tokens = torch.tensor([plain_vocabulary(model)[3:12]])
    final = final_residual(model, model.run(tokens), pos=slice(None))
    logits = unembed(model, final)
    for place in range(tokens.shape[1]):
        cut = model.run(tokens[:, : place + 1]).final_logits
        torch.testing.assert_close(logits[:, place], cut, atol=1e-4, rtol=1e-4)
    assert unembed(model, torch.zeros(1, model.config.d_model)).shape == cut.shape


def test_metrics_by_hand():
    # Two tokens are predicted, 1 and then 2, of the words 0, 1 and 2; 3 is no word.
    logits = torch.tensor([[[0.0, 2.0, 1.0, 0.0], [3.0, 0.0, 1.0, 9.0]]])
    answers, words = torch.tensor([[1, 2]]), torch.tensor([0, 1, 2])
    accuracy, probability, logit_diff = metrics(logits, answers, words)[:, 0].tolist()
    assert accuracy == 0.5
    first, second = logits.softmax(dim=-1)[0]
    assert probability == pytest.approx(float(first[1] + second[2]) / 2)
    # 2 - (0 + 1) / 2 = 1.5 and 1 - (3 + 0) / 2 = -0.5.
    assert logit_diff == pytest.approx(0.5)


def test_the_planted_circuit_continues_what_is_repeated():
    model = planted_model("gpt2")
    # Names are name movers' business.
    names = set(model.tokenizer.convert_tokens_to_ids(sorted(NAMES)))
    words = [token for token in plain_vocabulary(model) if token not in names]
    drawn = random_tokens(words, 8, 5, seed=1)
    found = repetition(model, drawn, n_copies=3, prepend_bos=True)
    assert found.shape == (len(METRICS), 2, 5)
    assert (found[METRICS.index("accuracy")] == 1).all()


def test_without_a_circuit_it_is_chance():
    model = planted_model("gpt2", 0.1, ("induction", "previous token"))
    table = measure_repetition(model, [6, 12], 2, 6, seed=0, prepend_bos=True)
    assert list(table.columns)[:3] == ["distance", "copies", "metric"]
    accuracy = table[table["metric"] == "accuracy"]
    assert accuracy["distance"].tolist() == [6, 12]
    assert (accuracy["mean"] < 0.4).all()
    assert (accuracy["ci_low"] <= accuracy["mean"]).all()


def test_a_distance_of_one_is_no_distance():
    with pytest.raises(ValueError, match="distance is 1: allowed: whole numbers"):
        measure_repetition(planted_model("gpt2"), [1], 2, 2, seed=0)


def test_of_a_large_vocabulary_the_commonest_and_the_rare_are_left_out(monkeypatch):
    model = planted_model("gpt2")
    assert frequent_tokens(model) == plain_vocabulary(model)
    monkeypatch.setattr(
        "head_patching.roles.repetition.plain_vocabulary",
        lambda model: list(range(50000)),
    )
    assert frequent_tokens(model) == list(range(1000, 10000))
    assert np.diff(frequent_tokens(model)).max() == 1
