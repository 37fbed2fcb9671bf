"""Names of cells: in wide cells, else beside them, and none covers another."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from figures.heatmaps import effect_heatmap, name_cells
from head_patching.terms import head_name

N_LAYERS, N_HEADS = 21, 9
heads = st.lists(
    st.tuples(st.integers(0, N_LAYERS - 1), st.integers(0, N_HEADS - 1)),
    min_size=1,
    max_size=4,
    unique=True,
)


def named_map(named, width):
    """A heat map, so many inches wide, with names; the names' boxes in its units."""
    cells = pd.MultiIndex.from_product(
        [range(N_LAYERS), range(N_HEADS)], names=["layer", "head"]
    )
    effects = cells.to_frame(index=False).assign(effect=0.1)
    fig, ax = plt.subplots(figsize=(width, 3), layout="constrained")
    effect_heatmap(effects, limit=1, ax=ax)
    name_cells(ax, pd.DataFrame(named, columns=["layer", "head"]))
    back = ax.transData.inverted()
    boxes = {
        text.get_text(): text.get_window_extent().transformed(back).extents
        for text in ax.texts
    }
    leaders = [p for p in ax.patches if not hasattr(p, "get_xy")]
    plt.close(fig)
    return boxes, leaders


def overlap(one, other, slack=0.05):
    return (one[:2] + slack < other[2:]).all() and (other[:2] + slack < one[2:]).all()


@settings(max_examples=25, deadline=None)
@given(heads)
def test_names_beside_cells_cover_neither_each_other_nor_named_cells(named):
    boxes, _ = named_map(named, width=1.6)
    assert set(boxes) == {head_name(*head) for head in named}
    assert not [pair for pair in combinations(boxes.values(), 2) if overlap(*pair)]
    for layer, head in named:
        cell = np.array([head, layer, head + 1, layer + 1])
        assert not [name for name, box in boxes.items() if overlap(box, cell)]
    for box in boxes.values():
        assert (box[:2] >= -0.05).all()
        assert (box[2:] <= np.array([N_HEADS, N_LAYERS]) + 0.05).all()


@pytest.mark.parametrize("head", [0, 8])
def test_a_lone_name_is_beside_its_cell(head):
    boxes, leaders = named_map([(3, head)], width=1.6)
    left, low, right, high = boxes[head_name(3, head)]
    gap = max(left - (head + 1), head - right)
    assert 0 < gap < 0.5
    assert (low + high) / 2 == pytest.approx(3.5, abs=0.1)
    assert not leaders


def test_a_name_that_fits_is_in_its_cell():
    boxes, _ = named_map([(3, 8), (20, 0)], width=6)
    for name, (layer, head) in {"L3H8": (3, 8), "L20H0": (20, 0)}.items():
        box = boxes[name]
        assert (box[:2] + box[2:]) / 2 == pytest.approx(
            [head + 0.5, layer + 0.5], abs=0.3
        )
        assert head < box[0] < box[2] < head + 1
