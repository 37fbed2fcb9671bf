"""Sets of heads along paths against the paper's four passes, by hooks alone."""

import numpy as np
import pytest
import torch

from head_patching.patching.paths import path_effects
from head_patching.patching.receivers import Receivers
from head_patching.patching.replaced import Silenced, with_heads_replaced
from head_patching.patching.runs import run_batch
from head_patching.patching.set_paths import set_path_effects
from tests.architectures import random_pairs
from tests.patching.four_passes import hooked_effects

TOLERANCE = 1e-4  # logit

RECEIVERS = {
    "q-of-two-layers": Receivers("q", [(2, 2), (1, 0)], "END"),
    "v-of-two-layers": Receivers("v", [(1, 1), (2, 0), (2, 3)], "S2"),
    "k-at-S2": Receivers("k", [(2, 0), (2, 3)], "S2"),
    "k-everywhere": Receivers("k", [(1, 0), (2, 1)]),
}

# One head, heads of one layer, of two layers in either order, with heads that reach
# nothing, and none that reach anything.
SETS = (
    [(1, 1)], [(0, 0), (0, 3)], [(0, 1), (1, 2)], [(1, 3), (0, 2), (1, 0)],
    [(2, 1), (0, 1)], [(2, 0), (2, 1)],
)  # fmt: skip


@pytest.mark.parametrize("direction", ["noising", "denoising"])
@pytest.mark.parametrize("name", RECEIVERS)
def test_every_set_equals_the_four_passes(prepared, name, direction):
    model, bridge = prepared
    pairs, receivers = random_pairs(seed=40, n_changed=5), RECEIVERS[name]
    found = set_path_effects(model, pairs, direction, receivers, SETS)
    expected = hooked_effects(
        model, bridge, pairs, direction, receivers, "recomputed", senders=SETS
    )
    error = np.abs(found.logit_diff.values - expected).max()
    run = "clean" if direction == "noising" else "corrupt"
    moved = np.abs(expected - found[f"{run}_logit_diff"].values)
    assert error < min(TOLERANCE, 0.01 * moved.max())
    together, alone = expected[2], path_effects(model, pairs, direction, receivers)
    for head in SETS[2]:
        assert np.abs(together - alone.logit_diff.values[head]).max() > 20 * error


def test_sets_that_reach_no_receiver_leave_the_very_run(prepared):
    model, _ = prepared
    pairs = random_pairs(seed=41, n_changed=3)
    found = set_path_effects(model, pairs, "noising", RECEIVERS["k-at-S2"], SETS)
    assert np.array_equal(found.logit_diff.values[-1], found.clean_logit_diff.values)


@pytest.mark.parametrize("heads", [[(0, 2)], [(0, 0), (1, 3), (1, 1)]])
def test_a_run_with_heads_replaced_equals_one_with_hooks(prepared, heads):
    """Every activation, and the logits, with z overwritten at one position."""
    model, bridge = prepared
    pairs = random_pairs(seed=42, lengths=(8, 8, 8), n_changed=3)
    batch = run_batch(model, pairs, [0, 1, 2], first=3)
    mask = torch.zeros(3, 8, dtype=torch.bool)
    mask[:, 4] = True
    found = with_heads_replaced(model, batch.clean, batch.corrupt, heads, mask)

    def put(layer):
        def replace(z, hook):
            z = z.clone()
            for head in (head for at, head in heads if at == layer):
                z[:, 4, head] = batch.corrupt.z[layer][:, 4, head]
            return z

        return f"blocks.{layer}.attn.hook_z", replace

    tokens = torch.tensor([pair.clean_tokens for pair in pairs])
    with torch.no_grad(), bridge.hooks(fwd_hooks=[put(layer) for layer in range(3)]):
        logits, cache = bridge.run_with_cache(tokens)
    for layer in range(3):
        for name, hook in (("resid_pre", "hook_resid_pre"), ("z", "attn.hook_z")):
            expected = cache[f"blocks.{layer}.{hook}"]
            obtained = getattr(found, name)[layer]
            torch.testing.assert_close(obtained, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        found.final_logits.log_softmax(-1), logits[:, -1].log_softmax(-1),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip
    assert (found.final_logits - batch.clean.final_logits).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["q-of-two-layers", "k-everywhere", "v-of-two-layers"])
def test_paths_beside_silenced_heads(prepared, name):
    """They are silent in the run that is patched, and do not come back to life.

    The silenced heads are below, between and above the receivers.
    """
    model, bridge = prepared
    pairs, receivers = random_pairs(seed=43, n_changed=5), RECEIVERS[name]
    silenced = Silenced([(0, 1), (1, 2), (2, 3)], "S2")
    sets = [[(0, 0)], [(0, 2), (0, 3)], [(1, 3), (0, 0)]]
    found = set_path_effects(
        model, pairs, "noising", receivers, sets, silenced=silenced
    )
    expected = hooked_effects(
        model, bridge, pairs, "noising", receivers, "recomputed", senders=sets,
        silenced=silenced.heads, silenced_position="S2",
    )  # fmt: skip
    error = np.abs(found.logit_diff.values - expected).max()
    moved = np.abs(expected - found.clean_logit_diff.values)
    assert error < min(TOLERANCE, 0.01 * moved.max())
    intact = set_path_effects(model, pairs, "noising", receivers, sets)
    assert np.abs(intact.clean_logit_diff - found.clean_logit_diff).max() > 1e-3
