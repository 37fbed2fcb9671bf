"""Knock-outs against TransformerLens's hooks on all heads of each set."""

import numpy as np
import pytest
import torch

from head_patching.patching.knock_out import knock_out
from head_patching.patching.reference import run_tokens
from head_patching.patching.runs import group_pairs, run_pairs
from tests.architectures import random_pairs
from tests.hooks import hooked_logits

TOLERANCE = 1e-4  # logit

# Of two layers, with heads to be patched before, between and after them.
KNOCKED_OUT = [(1, 2), (2, 0)]


def hooked(bridge, pairs, head_sets, position):
    """logit_diff [set pair] of clean runs, each set held at the corrupt output."""
    expected = np.empty((len(head_sets), len(pairs)))
    for members in group_pairs(pairs).values():
        clean, corrupt = run_tokens(pairs, members, "noising")
        _, cache = bridge.run_with_cache(corrupt)
        z = [cache[f"blocks.{n}.attn.hook_z"] for n in range(bridge.cfg.n_layers)]
        own = torch.tensor([pairs[index].positions[position] for index in members])
        mask = torch.arange(clean.shape[1]) == own[:, None]
        for number, heads in enumerate(head_sets):
            logits = hooked_logits(bridge, clean, z, heads, mask)
            for row, index in enumerate(members):
                pair = pairs[index]
                answers = logits[row, [pair.answer_token, pair.wrong_answer_token]]
                expected[number, index] = answers[0] - answers[1]
    return expected


def assert_same(obtained, expected, base):
    """Equal, and far nearer to each other than to having done nothing."""
    error = np.abs(obtained - expected).max()
    assert error < TOLERANCE
    assert error < 0.01 * np.abs(expected - base).max()


@pytest.mark.parametrize("position", ["END", "S2"])
def test_every_head_equals_hooks(prepared, position):
    model, bridge = prepared
    # Corrupt from place 2 on, so that S2 (2 or 3) and END differ in every prompt.
    pairs = random_pairs(seed=40, n_changed=5)
    result = knock_out(model, pairs, KNOCKED_OUT, position)
    clean = result.clean_logit_diff.values
    obtained = result.logit_diff.transpose("layer", "head", "pair").values
    alone = hooked(bridge, pairs, [[head] for head in model.config.heads], position)
    alone = alone.reshape(obtained.shape)
    assert_same(obtained, alone, clean)

    out = hooked(bridge, pairs, [KNOCKED_OUT], position)[0]
    assert_same(result.knocked_out_logit_diff.values, out, clean)

    obtained = result.joint_logit_diff.transpose("layer", "head", "pair").values
    others = [head for head in model.config.heads if head not in KNOCKED_OUT]
    joint = hooked(bridge, pairs, [[*KNOCKED_OUT, h] for h in others], position)
    layers, heads = np.array(others).T
    assert_same(obtained[layers, heads], joint, out)
    # Effects do not simply add up: what is compared is more than two single sweeps.
    added = alone[layers, heads] + out - clean
    error = np.abs(obtained[layers, heads] - joint).max()
    assert np.abs(joint - added).max() > 10 * error

    layers, heads = np.array(KNOCKED_OUT).T
    assert np.isnan(obtained[layers, heads]).all()


def test_unpatched_runs_are_hooked_runs_without_a_hook(prepared):
    model, bridge = prepared
    pairs = random_pairs(seed=41)
    result = knock_out(model, pairs, KNOCKED_OUT)
    for direction, name in (("noising", "clean"), ("denoising", "corrupt")):
        for members in group_pairs(pairs).values():
            tokens, _ = run_tokens(pairs, members, direction)
            with torch.no_grad():
                logits = bridge(tokens)[:, -1]
            for row, index in enumerate(members):
                pair = pairs[index]
                answers = logits[row, [pair.answer_token, pair.wrong_answer_token]]
                obtained = float(result[f"{name}_logit_diff"][index])
                expected = float(answers[0] - answers[1])
                assert obtained == pytest.approx(expected, abs=TOLERANCE)


def test_given_runs_order_of_heads_and_progress(prepared):
    model, _ = prepared
    pairs, done = random_pairs(seed=42, n_changed=5), []
    plain = knock_out(model, pairs, KNOCKED_OUT)
    again = knock_out(
        model,
        pairs,
        KNOCKED_OUT[::-1],
        batches=run_pairs(model, pairs, 2),
        on_progress=done.append,
    )
    for name in ("logit_diff", "joint_logit_diff", "knocked_out_logit_diff"):
        np.testing.assert_allclose(again[name], plain[name], atol=TOLERANCE)
    assert sum(done) == pytest.approx(1)
    assert plain.attrs["knocked_out"] == "L1H2+L2H0"
    assert plain.attrs["position"] == "END"
    assert plain.attrs["direction"] == "noising"


@pytest.mark.parametrize(
    ("heads", "position", "message"),
    [
        ([(3, 0)], "END", "head L3H0 is not in .* layers 0 to 2"),
        ([(0, 9)], "END", "head L0H9 is not in .* heads 0 to"),
        ([(1, 1), (1, 1)], "END", "names a head twice"),
        ([], "END", "at least one head is needed"),
        ([(1, 1)], "IO", "unknown position 'IO'.*allowed: S2, END"),
    ],
)
def test_unknown_heads_and_positions_are_refused(prepared, heads, position, message):
    model, _ = prepared
    with pytest.raises(ValueError, match=message) as error:
        knock_out(model, random_pairs(seed=43), heads, position)
    assert "\n" not in str(error.value)


def test_some_heads_alone_have_the_values_of_the_whole_sweep(prepared):
    model, _ = prepared
    pairs, chosen = random_pairs(seed=44, n_changed=4), [(2, 1), (0, 3)]
    whole = knock_out(model, pairs, KNOCKED_OUT)
    some = knock_out(model, pairs, KNOCKED_OUT, heads=chosen)
    for name in ("logit_diff", "joint_logit_diff"):
        for head in model.config.heads:
            expected = whole[name].values[head]
            if head not in chosen:
                expected = np.full_like(expected, np.nan)
            np.testing.assert_allclose(some[name].values[head], expected, atol=1e-4)
