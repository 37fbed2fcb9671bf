"""The graph of planted models at the default noise, over five circuits of each kind."""

import pytest

from head_patching.planted.circuit import ARCHITECTURES, DEFAULT_NOISE
from head_patching.roles.inspection.edges import PAIR, edges
from head_patching.roles.inspection.tables import composition_table
from tests.planted_models import planted_model
from tests.roles.inspection.planted_wiring import planted_edges, unexplained


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_precision_and_recall_of_the_graph(architecture):
    right, missed, wrong = [], [], []
    for seed in range(5):
        model = planted_model(architecture, DEFAULT_NOISE, seed=seed)
        table = edges(composition_table(model, seed=0))
        found = set(table[["kind", *PAIR]].itertuples(index=False, name=None))
        for edge, roles in planted_edges(architecture, seed).items():
            (right if edge in found else missed).append(roles)
        wrong += unexplained(architecture, seed, found)
    assert len(right) >= 0.95 * (len(right) + len(wrong))  # precision
    assert len(right) >= 0.95 * (len(right) + len(missed))  # recall
    assert ("previous token", "induction") in right
    assert ("previous token", "induction") not in missed
