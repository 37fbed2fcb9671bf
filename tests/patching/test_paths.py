"""Path patching against the paper's four passes by TransformerLens's hooks."""

from unittest.mock import patch

import numpy as np
import pytest
import torch

from head_patching.patching.path_sweep import sweep_paths
from head_patching.patching.paths import Receivers, path_effects
from head_patching.patching.propagate import final_residual
from head_patching.patching.receivers import propagate_from_receivers
from head_patching.patching.runs import run_batch, run_pairs
from head_patching.roles.direct import direct_effects, final_scale
from head_patching.terms import DIRECTIONS
from tests.architectures import random_pairs
from tests.patching.four_passes import effects_of_every_head

TOLERANCE = 1e-4  # logit

RECEIVERS = {
    "logits": "logits",
    "q-at-END": Receivers("q", [(2, 1)], "END"),
    "k-at-S2": Receivers("k", [(1, 3)], "S2"),
    "v-at-S2": Receivers("v", [(2, 0)], "S2"),
    "v-at-END": Receivers("v", [(2, 3)], "END"),
    # Sets that span layers; in llama, heads 0 to 2 share one key-value head.
    "q-of-two-layers": Receivers("q", [(2, 2), (1, 0)], "END"),
    "k-of-two-layers": Receivers("k", [(1, 1), (2, 0), (2, 3)], "S2"),
    "v-of-two-layers": Receivers("v", [(1, 1), (1, 2), (2, 0), (2, 3)]),
    "k-everywhere": Receivers("k", [(1, 0), (2, 1)]),
    "q-everywhere": Receivers("q", [(0, 0), (1, 2), (2, 0)]),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small are slowed by threads, which wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def unpatched(results, direction):
    return results[f"{DIRECTIONS[direction].base}_logit_diff"].values


def assert_same_effects(obtained, expected, base):
    """Equal, and nearer to each other than to having done nothing."""
    error = np.abs(obtained - expected).max()
    assert error < TOLERANCE
    # Some effects are small in a random model: the error must be so beside them.
    assert error < 0.01 * np.abs(expected - base).max()


@pytest.mark.parametrize(
    ("direction", "mlps"), [("noising", "recomputed"), ("denoising", "frozen")]
)
@pytest.mark.parametrize("name", RECEIVERS)
def test_every_sender_equals_the_four_passes(prepared, name, direction, mlps):
    model, bridge = prepared
    pairs, receivers = random_pairs(seed=30, n_changed=5), RECEIVERS[name]
    results = path_effects(model, pairs, direction, receivers, mlps=mlps)
    obtained, base = results.logit_diff.values, unpatched(results, direction)
    expected = effects_of_every_head(model, bridge, pairs, direction, receivers, mlps)
    assert_same_effects(obtained, expected, base)
    # Most senders below a receiver must do something, far more than rounding.
    top = 3 if name == "logits" else max(receivers.by_layer)
    moved = np.abs(expected - base)[:top].max(axis=2)
    assert np.median(moved) > 20 * np.abs(obtained - expected).max()


@pytest.mark.parametrize("sender_position", ["S2", "END", 3])
def test_senders_patched_at_one_position(prepared, sender_position):
    model, bridge = prepared
    pairs, receivers = random_pairs(seed=31, n_changed=2), RECEIVERS["v-of-two-layers"]
    obtained = path_effects(
        model, pairs, "noising", receivers, sender_position=sender_position
    )
    expected = effects_of_every_head(
        model, bridge, pairs, "noising", receivers, "recomputed", sender_position
    )
    base = obtained.clean_logit_diff.values
    assert_same_effects(obtained.logit_diff.values, expected, base)


@pytest.mark.parametrize("end", ["sender", "receivers"])
def test_only_each_prompts_own_position_is_patched(prepared, end):
    """Never the union of the batch's positions."""
    model, bridge = prepared
    pairs = random_pairs(seed=32, lengths=(7, 7, 7, 7), n_changed=2)
    assert [pair.positions["S2"] for pair in pairs] == [2, 3, 2, 3]
    sender_position = "S2" if end == "sender" else None
    receivers = Receivers("v", [(2, 0)], "S2" if end == "receivers" else None)
    results = path_effects(
        model, pairs, "noising", receivers, sender_position=sender_position
    )
    obtained = results.logit_diff.values
    own = effects_of_every_head(
        model, bridge, pairs, "noising", receivers, "recomputed", sender_position
    )
    assert_same_effects(obtained, own, results.clean_logit_diff.values)
    union = torch.zeros(4, 7, dtype=torch.bool)
    union[:, [2, 3]] = True
    everywhere = torch.ones_like(union)
    masks = (union, everywhere) if end == "sender" else (everywhere, union)
    wrong = effects_of_every_head(
        model, bridge, pairs, "noising", receivers, "recomputed", masks=masks
    )
    assert np.abs(wrong - own).max() > 100 * np.abs(obtained - own).max()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_frozen_path_to_the_logits_is_the_change_of_the_direct_effect(
    prepared, direction
):
    """With s the final norm's size, s x (logit_diff - b_U's part) is linear.

    It changes by the sender's direct effect, which `direct_effects` gives divided by
    the size in its own run.
    """
    model, _ = prepared
    pairs = random_pairs(seed=33, lengths=(8, 8, 8), n_changed=2)
    obtained = path_effects(model, pairs, direction, "logits", mlps="frozen")
    batch = run_batch(model, pairs, [0, 1, 2], first=2)
    base, source = batch.clean, batch.corrupt
    if direction == "denoising":
        base, source = source, base
    answer = torch.tensor([pair.answer_token for pair in pairs])
    wrong = torch.tensor([pair.wrong_answer_token for pair in pairs])
    final = final_residual(model, base)
    size, source_size = (
        final_scale(model, final_residual(model, run)) for run in (base, source)
    )
    change = direct_effects(model, source, answer, wrong) * source_size
    change = change - direct_effects(model, base, answer, wrong) * size
    offset = model.b_U[answer] - model.b_U[wrong]
    before = (torch.from_numpy(unpatched(obtained, direction)) - offset) * size
    for layer, head in model.config.heads:
        z = (source.z - base.z)[layer, :, -1, head]
        patched_size = final_scale(model, final + z @ model.layers[layer].W_O[head])
        expected = (before + change[layer, head]) / patched_size + offset
        values = torch.from_numpy(obtained.logit_diff.values[layer, head])
        torch.testing.assert_close(values, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ["k-at-S2", "v-of-two-layers", "q-everywhere"])
def test_senders_not_below_a_receiver_have_the_unpatched_value(
    prepared, name, direction
):
    model, _ = prepared
    pairs = random_pairs(seed=34, n_changed=2)
    top = max(RECEIVERS[name].by_layer)
    obtained = path_effects(model, pairs, direction, RECEIVERS[name])
    change = obtained.logit_diff.values - unpatched(obtained, direction)
    assert not change[top:].any()
    assert change[:top].all(axis=2).any()
    lowest = path_effects(model, pairs, direction, Receivers("q", [(0, 1)]))
    assert not (lowest.logit_diff.values - unpatched(lowest, direction)).any()


def test_nothing_arrives_from_other_positions(prepared):
    """With heads frozen, only END reaches END, and the last layer's S2 asks in vain."""
    model, _ = prepared
    pairs = random_pairs(seed=35, n_changed=2)
    everywhere, at_end, at_s2 = (
        path_effects(model, pairs, "noising", "logits", sender_position=position)
        for position in (None, "END", "S2")
    )
    np.testing.assert_array_equal(everywhere.logit_diff, at_end.logit_diff)
    base = at_s2.clean_logit_diff.values
    assert not (at_s2.logit_diff.values - base).any()
    unread = path_effects(model, pairs, "noising", Receivers("q", [(2, 0)], "S2"))
    assert not (unread.logit_diff.values - base).any()
    some = path_effects(
        model, pairs, "noising", Receivers("v", [(2, 0)], 3), sender_position="S2"
    )
    changed = (some.logit_diff.values - base)[:2].any(axis=(0, 1))
    assert changed.tolist() == [pair.positions["S2"] == 3 for pair in pairs]


@pytest.mark.parametrize("name", ["logits", "q-at-END", "v-of-two-layers"])
def test_a_run_patched_with_itself_stays_as_it_is(prepared, name):
    model, _ = prepared
    receivers = RECEIVERS[name]
    pairs = random_pairs(seed=36, lengths=(8, 8, 8), n_changed=2)
    own = run_batch(model, pairs, [0, 1, 2], first=2).clean
    receiver_pos = slice(7, 8) if name != "v-of-two-layers" else slice(2, 8)
    base = final_residual(model, own)
    with torch.no_grad():
        final = sweep_paths(
            model,
            own,
            own,
            [[head] for head in model.config.heads],
            receivers,
            receiver_pos,
        )
        assert torch.equal(final, base.expand_as(final))
        if name == "logits":
            return
        # `sweep_paths` leaves out what does not move: here it is propagated.
        width = receiver_pos.stop - receiver_pos.start, model.config.d_model
        changes = {
            layer: torch.zeros(2 * layer, 3, *width) for layer in receivers.by_layer
        }
        final = propagate_from_receivers(model, own, receivers, changes, receiver_pos)
    assert len(final) == 4
    torch.testing.assert_close(final, base.expand_as(final), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["logits", "k-at-S2", "v-of-two-layers"])
def test_order_batches_chunks_and_choice_of_senders_do_not_matter(prepared, name):
    model, _ = prepared
    pairs, receivers = random_pairs(seed=37, n_changed=2), RECEIVERS[name]
    whole = path_effects(model, pairs, "noising", receivers).logit_diff.values
    order = [4, 2, 0, 3, 1]
    shuffled = path_effects(model, pairs.select(order), "noising", receivers)
    np.testing.assert_allclose(shuffled.logit_diff, whole[:, :, order], atol=1e-4)
    torch.set_num_threads(2)  # that is, two workers
    progress, chosen = [], [(1, 1), (0, 2)]
    with (
        patch("head_patching.patching.chunks.VECTORS_PER_CHUNK", 70),
        patch("head_patching.patching.propagate.VECTORS_PER_BLOCK", 30),
    ):
        cut = path_effects(
            model, pairs, "noising", receivers, batches=run_pairs(model, pairs, 2),
            on_progress=progress.append,
        )  # fmt: skip
    np.testing.assert_allclose(cut.logit_diff, whole, atol=1e-4)
    assert len(progress) > 5
    assert sum(progress) == pytest.approx(1)
    some = path_effects(model, pairs, "noising", receivers, chosen)
    for head in model.config.heads:
        expected = whole[head] if head in chosen else some.clean_logit_diff
        np.testing.assert_allclose(some.logit_diff[head], expected, atol=1e-4)


def test_what_was_run_is_written_in_the_result(prepared):
    model, _ = prepared
    receivers = Receivers("k", [(2, 1), (1, 0)], "S2")
    results = path_effects(
        model, random_pairs(seed=38), "noising", receivers, mlps="frozen"
    )
    assert results.logit_diff.dims == ("layer", "head", "pair")
    expected = {
        "method": "path patching",
        "direction": "noising",
        "receivers": "k of L1H0+L2H1 at S2",
        "sender_position": "all",
        "mlps": "frozen",
    }
    assert results.attrs.items() >= expected.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "noise"}, "did you mean 'noising'"),
        ({"receivers": "logit"}, "unknown receivers 'logit'.*allowed: logits"),
        ({"mlps": "freeze"}, "unknown mlps 'freeze'.*recomputed, frozen"),
        ({"receivers": Receivers("q", [(3, 0)])}, "head L3H0 is not in .* layers 0"),
        ({"senders": [(0, 99)]}, "head L0H99 is not in"),
        ({"receivers": Receivers("q", [(1, 0)], "S9")}, "unknown position 'S9'"),
        ({"receivers": Receivers("q", [(1, 0)], 8)}, "position 8: pair 0 has only 7"),
        ({"sender_position": 9}, "position 9: expected 0 to 8"),
        ({"sender_position": "s2"}, "unknown position 's2'.*S2, END"),
    ],
)
def test_bad_options_are_refused_in_one_line(prepared, options, message):
    model, _ = prepared
    options = {"direction": "noising", "receivers": "logits"} | options
    with pytest.raises(ValueError, match=message) as caught:
        path_effects(model, random_pairs(seed=0), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "heads", "message"),
    [
        ("z", [(1, 0)], "unknown receiver input 'z'.*q, k, v"),
        ("q", [], "expected one head or more"),
        ("q", [(1, 0), (1, 0)], "each once"),
    ],
)
def test_bad_receivers_are_refused(inputs, heads, message):
    with pytest.raises(ValueError, match=message):
        Receivers(inputs, heads)


def test_cached_activations_must_be_those_of_the_prompts(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=39)
    batches = list(run_pairs(model, pairs, 8))
    with pytest.raises(ValueError, match="0 times in the cached activations"):
        path_effects(model, pairs, "noising", "logits", batches=batches[:1])
    with pytest.raises(ValueError, match="it belongs to other prompts"):
        path_effects(model, pairs.select([0]), "noising", "logits", batches=batches)
