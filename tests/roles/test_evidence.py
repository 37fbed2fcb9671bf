"""The evidence table on a tiny model: batches, intervals and bookkeeping."""

import numpy as np
import pandas as pd
import pytest
import torch

from head_patching.roles.evidence import (
    effect_evidence,
    evidence_per_pair,
    measure_evidence,
    tidy,
)
from head_patching.tasks.pairs import PromptPair, PromptPairs

NAMES = ("IO", "S1", "S1+1", "S2", "END")


def prompt_pair(number, length):
    """Names at positions that differ from prompt to prompt; S2 and IO swapped."""
    generator = np.random.default_rng(number)
    places = np.sort(generator.choice(length - 1, 3, replace=False))
    io, s1, s2 = (int(place) for place in places)
    clean = generator.integers(20, 60, length).tolist()
    clean[io], clean[s1], clean[s2] = 5, 6, 6
    corrupt = list(clean)
    corrupt[s2] = 5
    return PromptPair(
        clean=f"clean {number}",
        corrupt=f"corrupt {number}",
        clean_tokens=tuple(clean),
        corrupt_tokens=tuple(corrupt),
        answer="IO",
        wrong_answer="S",
        answer_token=5,
        wrong_answer_token=6,
        positions=dict(zip(NAMES, (io, s1, s1 + 1, s2, length - 1), strict=True)),
        template="abc"[number % 3],
    )


def prompt_pairs(n_pairs=7):
    pairs = [prompt_pair(number, 8 + number % 2) for number in range(n_pairs)]
    return PromptPairs("ioi", "s2_io_flip", False, 0, tuple(pairs))


def batches(model, pairs, order=(0, 1)):
    """One batch for each prompt length, with the pairs' indices."""
    for parity in order:
        chosen = list(range(parity, len(pairs), 2))
        clean = torch.tensor([pairs[index].clean_tokens for index in chosen])
        corrupt = torch.tensor([pairs[index].corrupt_tokens for index in chosen])
        yield chosen, model.run(clean), model.run(corrupt)


EFFECTS = pd.DataFrame(
    {
        "patch_type": ["output", "output"],
        "direction": ["denoising", "noising"],
        "layer": [1, 1],
        "head": [2, 2],
        "effect": [0.3, 0.2],
        "ci_low": [0.1, 0.0],
        "ci_high": [0.5, 0.4],
        "p_value": [0.01, 0.2],
        "q_value": [0.02, 0.2],
        "important": [1, 0],
        "n_pairs": [7, 7],
    }
)


def test_each_pair_is_measured_on_its_own_prompt(model):
    """Batches and their order change nothing; one pair alone gives its column."""
    pairs = prompt_pairs()
    measured = evidence_per_pair(model, pairs, batches(model, pairs))
    other_order = evidence_per_pair(model, pairs, batches(model, pairs, (1, 0)))
    for name, values in measured.items():
        np.testing.assert_array_equal(values, other_order[name])
    for index, pair in enumerate(pairs):
        alone = evidence_per_pair(
            model, pairs.select([index]), batches_of_one(model, pair)
        )
        for name, values in alone.items():
            np.testing.assert_allclose(
                measured[name][..., index], values[..., 0], atol=1e-5, err_msg=name
            )


def batches_of_one(model, pair):
    clean, corrupt = torch.tensor([pair.clean_tokens, pair.corrupt_tokens])
    yield [0], model.run(clean[None]), model.run(corrupt[None])


def test_values_of_one_pair_are_read_where_they_belong(model):
    pair = prompt_pair(3, 9)
    pairs = PromptPairs("ioi", "s2_io_flip", False, 0, (pair,))
    measured = evidence_per_pair(model, pairs, batches_of_one(model, pair))
    clean = model.run(torch.tensor([pair.clean_tokens]))
    corrupt = model.run(torch.tensor([pair.corrupt_tokens]))
    at = pair.positions
    np.testing.assert_array_equal(
        measured["attention.S1+1.S1"][..., 0],
        clean.pattern[:, 0, :, at["S1"] + 1, at["S1"]],
    )
    np.testing.assert_allclose(
        measured["attention.END.S"][..., 0],
        clean.pattern[:, 0, :, -1, at["S1"]] + clean.pattern[:, 0, :, -1, at["S2"]],
        rtol=1e-6,
    )
    runs = [
        logits.final_logits[0, 5] - logits.final_logits[0, 6]
        for logits in (clean, corrupt)
    ]
    np.testing.assert_allclose(
        measured["logit_diff_change"], [runs[0] - runs[1]], rtol=1e-5
    )


def test_exchanging_clean_and_corrupt_turns_every_change_around(model):
    """The mirror image of a difference; a run against itself changes nothing."""
    pairs = prompt_pairs()
    measured = evidence_per_pair(model, pairs, batches(model, pairs))
    mirrored = evidence_per_pair(
        model, pairs, [(i, b, a) for i, a, b in batches(model, pairs)]
    )
    still = evidence_per_pair(
        model, pairs, [(i, a, a) for i, a, _ in batches(model, pairs)]
    )
    for name in ("direct_change", "logit_diff_change"):
        assert np.abs(measured[name]).max() > 0.01
        np.testing.assert_allclose(mirrored[name], -measured[name], atol=1e-6)
        np.testing.assert_array_equal(still[name], 0)


def test_the_table(model):
    pairs = prompt_pairs()
    table = measure_evidence(
        model,
        pairs,
        batches(model, pairs),
        EFFECTS,
        n_resamples=50,
        seed=0,
        n_random_tokens=10,
        n_random_sequences=3,
    )
    assert list(table) == [
        "layer",
        "head",
        "criterion",
        "value",
        "ci_low",
        "ci_high",
        "n",
    ]
    assert not table.duplicated(["layer", "head", "criterion"]).any()
    assert not table.isna().any(axis=None)
    assert (table["ci_low"] <= table["value"] + 1e-9).all()
    assert (table["value"] <= table["ci_high"] + 1e-9).all()
    n = table.groupby("criterion")["n"].first()
    assert n.pop("effect.denoising.output") == n.pop("effect.noising.output") == 7
    scores = ["previous_token_score", "duplicate_token_score", "induction_score"]
    assert (n[scores] == 3).all()
    assert (n.drop(scores) == 7).all()
    assert sorted(n.index) == sorted(
        [
            *scores,
            "attention.END.IO",
            "attention.END.S",
            "attention.END.S1",
            "attention.END.S2",
            "attention.S2.S1",
            "attention.S2.S1+1",
            "attention.S1+1.S1",
            "copy_score",
            "direct_effect",
            "direct_recovery",
            "negative_copy_score",
        ]
    )


def test_direct_recovery_is_a_ratio_of_means(model):
    pairs = prompt_pairs()
    measured = evidence_per_pair(model, pairs, batches(model, pairs))
    table = measure_evidence(
        model,
        pairs,
        batches(model, pairs),
        EFFECTS,
        n_resamples=5,
        seed=0,
        n_random_tokens=5,
    )
    rows = table[table["criterion"] == "direct_recovery"]
    expected = (
        measured["direct_change"].mean(axis=-1) / measured["logit_diff_change"].mean()
    )
    np.testing.assert_allclose(rows["value"], expected.ravel(), rtol=1e-6)


def test_effects_become_criteria():
    table = effect_evidence(EFFECTS)
    assert table.to_dict("records")[0] == {
        "layer": 1,
        "head": 2,
        "criterion": "effect.denoising.output",
        "value": 0.3,
        "ci_low": 0.1,
        "ci_high": 0.5,
        "n": 7,
    }


def test_tidy_counts_heads_within_layers():
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    table = tidy("x", (values, values - 1, values + 1), 9)
    row = table[(table["layer"] == 2) & (table["head"] == 1)].iloc[0]
    assert (row["value"], row["ci_low"], row["ci_high"]) == (6, 5, 7)


def test_pairs_without_activations_are_named(build):
    model, pairs = build(), prompt_pairs()
    with pytest.raises(ValueError, match="each of 7 pairs once, got pair 1 0 times"):
        evidence_per_pair(model, pairs, batches(model, pairs, order=(0,)))
    with pytest.raises(ValueError, match="got pair 0 2 times"):
        evidence_per_pair(model, pairs, batches(model, pairs, order=(0, 1, 0)))


def test_a_position_the_task_lacks_is_named(build):
    pair = prompt_pair(0, 8)
    positions = {name: at for name, at in pair.positions.items() if name != "IO"}
    bare = PromptPair(**{**vars(pair), "positions": positions})
    pairs = PromptPairs("other", "c", False, 0, (bare,))
    with pytest.raises(ValueError, match=r"needs the position 'IO'.*'clean 0'"):
        evidence_per_pair(build(), pairs, batches_of_one(build(), bare))


def test_a_model_of_one_layer_is_refused(build):
    model, pairs = build(n_layers=1), prompt_pairs()
    with pytest.raises(ValueError, match="at least 2 layers"):
        evidence_per_pair(model, pairs, batches(model, pairs))
