"""Bad inputs made from good ones, for hypothesis."""

import json
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = [None, True, -1, 0, 3, 10**20, 0.5, float("nan"), "", "x", "1e-4", "../up"]
VALUES += [[], {}, [1, "x"], {"a": {}}, "\x00", "\u2028", "e\u0301", [[[]]], {"": None}]
TEXTS = ["{", "]", "\x00", "NaN", "\n", ",", '"', ": ", "- ", "&a *a", "1e999", "\\u12"]


@st.composite
def mutated(draw: st.DrawFn, value: object) -> object:
    """The value with one part, somewhere inside, replaced, removed or added."""
    deeper = draw(st.integers(0, 7)) > 0
    if isinstance(value, dict) and value and deeper:
        key = draw(st.sampled_from(sorted(value, key=str)))
        others = {name: inner for name, inner in value.items() if name != key}
        match draw(st.integers(0, 7)):
            case 0:
                return others
            case 1:
                new = draw(st.sampled_from(["x", "", 7, f"{key}s"]) | st.text())
                return others | {new: value[key]}
            case _:
                return others | {key: draw(mutated(value[key]))}
    if isinstance(value, list) and value and deeper:
        index = draw(st.integers(0, len(value) - 1))
        kept = draw(st.integers(0, 4)) > 0
        inner = [draw(mutated(value[index]))] if kept else []
        return [*value[:index], *inner, *value[index + 1 :]]
    anything = st.text() | st.integers() | st.floats() | st.lists(st.text(), max_size=2)
    return draw(st.sampled_from(VALUES) | anything)


@st.composite
def garbled(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes cut short, with some changed, removed, or with others among them."""
    place = draw(st.integers(0, len(content) - 1))
    match draw(st.integers(0, 3)):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + draw(st.binary(max_size=9)) + content[place + 3 :]
        case 2:
            added = draw(st.sampled_from(TEXTS) | st.text()).encode(errors="ignore")
            return content[:place] + added + content[place:]
        case _:
            return content[:place] + content[place + draw(st.integers(1, 40)) :]


def written(value: object) -> bytes:
    """A value as JSON; what JSON has no form for, as Python writes it."""
    return json.dumps(value, default=repr).encode(errors="surrogatepass")


def each_is_refused(
    inputs: st.SearchStrategy, refused: Callable[[object], bool], n_inputs: int
) -> None:
    """So many different inputs are refused; what is good after all is not counted.

    `refused` says whether an input is, and fails when it is in another way than it
    should be.
    """
    found = set()

    @settings(
        max_examples=5 * n_inputs, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(inputs)
    def refuse(value: object) -> None:
        # Whatever was found before, the same input must end in the same way.
        if refused(value) and len(found) < n_inputs:
            found.add(repr(value))

    refuse()
    print(f"{len(found)} different bad inputs refused")
    assert len(found) == n_inputs
