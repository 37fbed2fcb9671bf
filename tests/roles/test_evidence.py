"""Evidence on a tiny model: each prompt at its own positions, sample by sample."""

import numpy as np
import pytest
import torch

from head_patching.roles.evidence import evidence_per_pair, measure_evidence
from head_patching.tasks import PromptPair, PromptPairs, find_task

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


@pytest.fixture(scope="module")
def measured(build):
    """All evidence of one model, by criterion, with the model and pairs."""
    model, pairs = build(n_ctx=256), prompt_pairs()
    found = measure_evidence(model, pairs, batches(model, pairs), seed=0)
    return {each.criterion: each for each in found}, model, pairs


ATTENTION = find_task("ioi").attention

SCORES = ("previous_token_score", "duplicate_token_score", "induction_score")


def test_every_criterion_is_measured_on_every_sample(measured):
    measured, _, _ = measured
    on_pairs = {
        *ATTENTION,
        *(f"{name}.elsewhere" for name in ATTENTION),
        *("direct_effect", "direct_recovery", "copy_score", "negative_copy_score"),
    }
    on_sequences = {*SCORES, *(f"{name}.25x4" for name in SCORES)}
    assert set(measured) == on_pairs | on_sequences
    for name, each in measured.items():
        assert each.kind == ("sequence" if name in on_sequences else "pair")
        assert each.values.shape == (3, 4, 10 if name in on_sequences else 7)
        assert each.known.all()
        assert not each.tested.any()  # none of it has a sign that could be flipped


def test_pairs_are_grouped_by_template_and_sequences_by_themselves(measured):
    measured, _, pairs = measured
    assert list(measured["copy_score"].groups) == ["a", "b", "c", "a", "b", "c", "a"]
    assert list(measured["copy_score"].groups) == list(pairs.templates)
    assert len(set(measured["induction_score"].groups)) == 10


def test_only_the_recovery_is_a_ratio(measured):
    measured, model, pairs = measured
    for name, each in measured.items():
        if name != "direct_recovery":
            assert (each.scale == 1).all()
    # Its scale is clean less corrupt logit_diff, which the logits say.
    recovery = measured["direct_recovery"]
    for index, pair in enumerate(pairs):
        of_run = []
        for tokens in (pair.clean_tokens, pair.corrupt_tokens):
            logits = model.run(torch.tensor([tokens])).final_logits[0]
            of_run.append(logits[pair.answer_token] - logits[pair.wrong_answer_token])
        expected = float(of_run[0] - of_run[1])
        assert recovery.scale[index] == pytest.approx(expected, abs=1e-4)


def test_elsewhere_is_what_other_positions_get_on_average(model):
    pair = prompt_pair(3, 9)
    pairs = PromptPairs("ioi", "s2_io_flip", False, 0, (pair,))
    measured = evidence_per_pair(model, pairs, batches_of_one(model, pair))
    pattern = model.run(torch.tensor([pair.clean_tokens])).pattern[:, 0]
    at = pair.positions
    for name, keys in (("IO", ["IO"]), ("S", ["S1", "S2"])):
        own = [at[key] for key in keys]
        others = [place for place in range(1, 9) if place not in own]
        expected = len(own) * pattern[:, :, 8, others].mean(dim=-1)
        np.testing.assert_allclose(
            measured[f"attention.END.{name}.elsewhere"][..., 0], expected, rtol=1e-5
        )


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
    pairs = PromptPairs("ioi", "c", False, 0, (bare,))
    with pytest.raises(ValueError, match=r"needs the position 'IO'.*'clean 0'"):
        evidence_per_pair(build(), pairs, batches_of_one(build(), bare))


def test_a_model_of_one_layer_is_refused(build):
    model, pairs = build(n_layers=1), prompt_pairs()
    with pytest.raises(ValueError, match="at least 2 layers"):
        evidence_per_pair(model, pairs, batches(model, pairs))
