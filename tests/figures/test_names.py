"""Names of points cover nothing, and are beside their own point."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from figures.names import Name, name_points

ARROWS = 2.5  # the zorder of a test's own arrows


@pytest.fixture
def panel():
    fig, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    yield ax
    plt.close(fig)


def boxes_of(ax):
    """Each text's box [left, low, right, high], in pixels."""
    ax.figure.draw_without_rendering()
    return {t.get_text(): Text.get_window_extent(t).extents for t in ax.texts}


def pixels(ax, *places):
    """Points of the panel in pixels."""
    return ax.transData.transform(places)


def leaders(ax):
    """The lines that lead to names."""
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    return [arrow for arrow in arrows if arrow.get_zorder() != ARROWS]


def gap(box, point):
    """How far a point is from a box."""
    return np.hypot(*np.clip(point, box[:2], box[2:]) - point)


def test_names_of_near_points_cover_nothing_and_cannot_be_mistaken(panel):
    rng = np.random.default_rng(0)
    clusters = np.repeat([[0.2, 0.2], [0.8, 0.3], [0.5, 0.8], [0.98, 0.97]], 3, axis=0)
    places = np.clip(clusters + rng.normal(size=clusters.shape) * 0.02, 0, 1)
    panel.scatter(*places.T, s=14)
    name_points(panel, [Name(f"L{n}H{n}", *at) for n, at in enumerate(places)], places)
    boxes, points = boxes_of(panel), pixels(panel, *places)
    assert len(boxes) == len(places)
    frame = panel.get_window_extent().extents
    for name, box in boxes.items():
        assert (box[:2] >= frame[:2] - 1).all()
        assert (box[2:] <= frame[2:] + 1).all()
        assert min(gap(box, point) for point in points) > 3, name
        for other, its in boxes.items():
            apart = (box[:2] >= its[2:] - 1).any() or (its[:2] >= box[2:] - 1).any()
            assert other == name or apart, (name, other)


def test_a_name_alone_is_beside_its_point(panel):
    name_points(panel, [Name("L1H2", 0.5, 0.5)], np.array([[0.5, 0.5]]))
    right = boxes_of(panel)["L1H2"][0] - pixels(panel, (0.5, 0.5))[0, 0]
    assert 0 < right < 12
    assert not leaders(panel)


def test_a_name_is_nearer_to_its_own_point_than_to_another(panel):
    places = np.array([[0.5, 0.5], [0.54, 0.54]])
    name_points(panel, [Name("L1H2", 0.5, 0.5)], places)
    own, other = pixels(panel, *places)
    box = boxes_of(panel)["L1H2"]
    assert gap(box, own) < gap(box, other)


def test_a_name_makes_room_for_an_arrow(panel):
    arrow = FancyArrowPatch((0.3, 0.5), (0.9, 0.5), arrowstyle="-|>", zorder=ARROWS)
    panel.add_patch(arrow)
    place = np.array([[0.3, 0.5]])
    name_points(panel, [Name("L1H2", 0.3, 0.5)], place)
    assert boxes_of(panel)["L1H2"][2] < pixels(panel, (0.3, 0.5))[0, 0]  # on its left


def test_a_name_makes_room_for_what_is_written(panel):
    panel.text(0.56, 0.5, "logits", ha="center", va="center")
    name_points(panel, [Name("L1H2", 0.5, 0.5)], np.array([[0.5, 0.5]]))
    boxes = boxes_of(panel)
    assert boxes["L1H2"][2] <= boxes["logits"][0]


def test_a_name_further_away_has_a_line(panel):
    ring = np.arange(0, 2 * np.pi, 0.3)
    crowd = 0.5 + 0.05 * np.stack((0.75 * np.cos(ring), np.sin(ring)), axis=1)
    places = np.vstack([[[0.5, 0.5]], crowd])
    name_points(panel, [Name("L1H2", 0.5, 0.5)], places)
    assert len(leaders(panel)) == 1
