"""Names beside cells: none covers another, nor a named cell."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from figures.head_effects import NAME_WIDTH, places_beside

N_HEADS = 9
heads = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, N_HEADS - 1)),
    min_size=1,
    max_size=4,
    unique=True,
)


def box(place):
    x, y, side = place
    width = NAME_WIDTH * N_HEADS
    left = x if side == "left" else x - width
    return left, left + width, y


def touch(one, other):
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < 1


@settings(max_examples=200)
@given(heads)
def test_names_keep_clear_of_each_other_and_of_named_cells(named):
    boxes = [box(place) for place in places_beside(named, N_HEADS).values()]
    assert not [pair for pair in combinations(boxes, 2) if touch(*pair)]
    for layer, head in named:
        cell = (head - 0.5, head + 0.5, layer)
        assert not [name for name in boxes if touch(name, cell)]


def test_a_lone_name_stands_on_the_roomier_side():
    assert places_beside([(3, 0)], N_HEADS)[3, 0] == (0.65, 3, "left")
    assert places_beside([(3, 8)], N_HEADS)[3, 8] == (7.35, 3, "right")
