"""Path patching on the real model against the paper's four passes."""

import numpy as np
import pytest

from head_patching.models.bridge import load_bridge
from head_patching.models.loading import load_model
from head_patching.patching.path_sweep import Receivers
from head_patching.patching.paths import path_effects
from head_patching.tasks.ioi import ioi_pairs
from tests.patching.four_passes import hooked_effects

from .conftest import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TOLERANCE = 1e-4  # logit

SENDERS = [(8, 1), (16, 0), (17, 4), (19, 2), (20, 0), (23, 0), (23, 3), (29, 1)]
RECEIVERS = {
    "logits": "logits",
    "queries": Receivers("q", [(23, 0), (23, 7), (24, 4)], "END"),
    "values": Receivers("v", [(19, 2), (20, 0)], "S2"),
    "keys": Receivers("k", [(17, 4), (18, 6)], "S1+1"),
}


@pytest.fixture(scope="module")
def models(smollm2: Workspace):
    folder = smollm2.folder / "results/smollm2-135m/model"
    return load_model(folder), load_bridge(folder / "checkpoint")


@pytest.mark.parametrize("name", RECEIVERS)
def test_senders_equal_the_four_passes(models, name):
    model, bridge = models
    pairs = ioi_pairs(model.tokenizer, 2, "abc", seed=3)
    receivers = RECEIVERS[name]
    obtained = path_effects(model, pairs, "noising", receivers, SENDERS)
    values = np.stack([obtained.logit_diff.values[head] for head in SENDERS])
    expected = hooked_effects(
        model, bridge, pairs, "noising", receivers, "recomputed",
        senders=[[head] for head in SENDERS],
    )  # fmt: skip
    assert np.abs(values - expected).max() < TOLERANCE
    assert np.abs(expected - obtained.clean_logit_diff.values).max() > 0.1
