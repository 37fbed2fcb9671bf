"""Planted models: they solve their task, and do so as their construction says.

In a model without noise the residual stream is known: the squares of its orthogonal
parts add up, and with them what the norm divides by. Attention, writes and effects
follow on paper.
"""

import json

import numpy as np
import pytest
import torch

from head_patching.patching.ablation import ablate
from head_patching.patching.experiment import HeadPatcher
from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import (
    ARCHITECTURES,
    ROLES,
    PlantedModel,
    draw_circuit,
)
from head_patching.planted.heads import GAIN, INHIBITED, ONE_BACK, SIZE
from head_patching.planted.residual import (
    CODES,
    CONSTANT,
    D_MODEL,
    FLAGS,
    Residual,
)
from head_patching.planted.weights import UNEMBEDDING
from head_patching.tasks.ioi import ioi_pairs
from head_patching.tasks.ioi_templates import NAMES
from tests.planted_models import WORDS, planted_model

SEED = 3


@pytest.fixture(scope="module")
def planted():
    """Prepared planted models, by all that makes them, each built once."""
    return planted_model


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_model_solves_the_task(planted, architecture, noise):
    model = planted(architecture, noise)
    assert model.failed_checks == []
    pairs = ioi_pairs(model.tokenizer, 120)
    result = HeadPatcher(model).run(pairs, heads=[])
    assert float((result.clean_logit_diff > 0).mean()) >= 0.99
    assert float((result.corrupt_logit_diff < 0).mean()) >= 0.99


def test_without_s_inhibition_it_does_not(planted):
    model = planted("gpt2", without=("S-inhibition",))
    pairs = ioi_pairs(model.tokenizer, 60)
    result = HeadPatcher(model).run(pairs, heads=[])
    right = float((result.clean_logit_diff > 0).mean())
    assert 0.2 < right < 0.8


def prompt(model, label="BABA-01"):
    """One pair of a template, and its clean words."""
    pairs = ioi_pairs(model.tokenizer, 30)
    pair = next(pair for pair in pairs if pair.template == label)
    return pair, model.tokenizer.convert_ids_to_tokens(pair.clean_tokens)


def gains(words):
    """What the norm multiplies by before any head has written, in GPT-2."""
    # A place, and a token or the start; names have a flag.
    squares = [CONSTANT**2 + 2 + (word in NAMES) for word in words]
    return (D_MODEL / (np.array(squares) + D_MODEL * 1e-5)) ** 0.5


def test_previous_token_attention_and_write_on_paper(planted):
    model, residual = planted("gpt2"), Residual(SEED)
    heads = draw_circuit(SEED, "gpt2")["previous token"]
    first = min(heads, key=lambda head: head.layer)
    pair, words = prompt(model)
    run = model.run(torch.tensor([pair.clean_tokens]))
    at, gain = np.arange(len(words)), gains(words) / GAIN
    distance = at[:, None] - 1 - at
    alike = np.cos(distance[..., None] * residual.frequencies).mean(axis=-1)
    scores = ONE_BACK["gpt2"] * alike * gain[:, None] * gain
    scores[distance < -1] = -np.inf
    expected = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    obtained = run.pattern[first.layer, 0, first.head].numpy()
    np.testing.assert_allclose(obtained, expected, atol=1e-4)

    codes = residual.token_codes(model.config.d_vocab)[list(pair.clean_tokens)]
    codes[0] = 0  # the start has none
    write = (
        run.z[first.layer, 0, :, first.head] @ model.layers[first.layer].W_O[first.head]
    ).numpy()
    moved = first.strength * expected @ (gain[:, None] * codes)
    np.testing.assert_allclose(write @ residual["previous"], moved, atol=1e-4)
    names = np.array([word in NAMES for word in words])
    flagged = first.strength * expected @ (gain * names)
    np.testing.assert_allclose(write @ residual["after name"][:, 0], flagged, atol=1e-4)
    others = [name for name in CODES + FLAGS if name not in ("previous", "after name")]
    rest = np.concatenate([write @ residual[name] for name in others], axis=-1)
    assert np.abs(rest).max() < 1e-4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_planted_head_attends_where_the_truth_says(planted, architecture):
    model, circuit = planted(architecture), draw_circuit(SEED, architecture)
    del circuit["backup name mover"]  # idle as long as the others work
    for label in ("BABA-01", "ABBA-07"):
        pair, _ = prompt(model, label)
        run = model.run(torch.tensor([pair.clean_tokens]))
        for role, heads in circuit.items():
            query, key = (pair.positions[name] for name in ROLES[role])
            for head in heads:
                attention = float(run.pattern[head.layer, 0, head.head, query, key])
                # Name movers keep a twentieth or so on S, more where the two names
                # have codes that are alike.
                assert attention > (0.85 if "mover" in role else 0.95), (role, head)


def test_effect_of_one_name_mover_on_paper(planted):
    """Denoising turns one name mover from S to IO; nothing reads it but the logits."""
    without = ("backup name mover",)
    model, residual = planted("gpt2", without=without), Residual(SEED)
    pair, _ = prompt(model)
    pairs = ioi_pairs(model.tokenizer, 30)
    index = pairs.templates.index(pair.template)
    result = HeadPatcher(model).run(pairs.select([index]))
    circuit = draw_circuit(SEED, "gpt2", without)
    codes = residual.token_codes(model.config.d_vocab)
    answer, wrong = codes[pair.answer_token], codes[pair.wrong_answer_token]
    # END holds the constant, its token and place, the token before, both inhibitions,
    # what name movers answered, and the output of name movers and negative ones.
    squares = CONSTANT**2 + 6 + (SIZE["name mover"] + SIZE["negative name mover"]) ** 2
    final_gain = (D_MODEL / squares) ** 0.5
    name_gain = (D_MODEL / (CONSTANT**2 + 4)) ** 0.5 / GAIN
    # Off S's score: its place, which IO does not have, and its token, somewhat IO's.
    off_place, off_token = INHIBITED["name mover"]
    margin = off_place + off_token * (1 - answer @ wrong)
    more_on_io = np.tanh(margin / 2)
    for head in circuit["name mover"]:
        patched = float(result.logit_diff[head.layer, head.head, 0])
        effect = patched - float(result.corrupt_logit_diff[0])
        write = head.strength * name_gain * more_on_io * (answer - wrong)
        expected = UNEMBEDDING * final_gain * write @ (answer - wrong)
        assert effect == pytest.approx(expected, rel=0.05)


def test_backups_act_when_name_movers_are_knocked_out(planted):
    model, circuit = planted("gpt2"), draw_circuit(SEED, "gpt2")
    pairs = ioi_pairs(model.tokenizer, 60)
    movers, backups = (
        [(head.layer, head.head) for head in circuit[role]]
        for role in ("name mover", "backup name mover")
    )
    result = ablate(model, pairs, [movers, movers + backups, backups], "zero")
    out, both, alone = result.logit_diff.mean("pair").values
    clean = float(result.clean_logit_diff.mean())
    assert abs(alone - clean) < 0.05 * clean  # idle while name movers work
    assert out > 0.5 * clean  # backups take over
    assert both < 0.1 * clean  # and nothing else does


def test_the_truth_lies_beside_the_checkpoint(tmp_path):
    folder = write_planted(
        PlantedModel("gpt2", 1, 0.0, ("induction",)), WORDS, tmp_path / "m"
    )
    record = json.loads((folder / "truth.json").read_text())
    assert set(record["roles"]) == set(ROLES) - {"induction"}
    assert (record["seed"], record["noise"]) == (1, 0.0)
