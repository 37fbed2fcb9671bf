"""Prompt pairs: what is refused, and the file they are written to."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from head_patching.files.schema import SCHEMA_VERSION
from head_patching.tasks.pairs import PromptPair, PromptPairs, first_difference

PAIR = PromptPair(
    clean="So John and Mary sat. John gave it to",
    corrupt="So John and Mary sat. Mary gave it to",
    clean_tokens=(5, 2, 6, 3, 7, 8, 2, 9, 10, 11),
    corrupt_tokens=(5, 2, 6, 3, 7, 8, 3, 9, 10, 11),
    answer="Mary",
    wrong_answer="John",
    answer_token=3,
    wrong_answer_token=2,
    positions={"IO": 3, "S1": 1, "S2": 6, "END": 9},
    template="BABA-01",
)
PAIRS = PromptPairs(
    "ioi", "s2_io_flip", False, 0, (PAIR, replace(PAIR, template="BABA-02"))
)


def test_first_difference():
    assert first_difference(PAIR) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corrupt_tokens": (5, 2)}, "10 tokens, its corrupt prompt 'So John.* has 2"),
        ({"corrupt": PAIR.clean}, "clean one"),
        ({"corrupt_tokens": PAIR.clean_tokens}, "clean one"),
        ({"wrong_answer": "Mary"}, "same .'Mary', token 3"),
        ({"wrong_answer_token": 3}, "same .'Mary', token 3"),
        ({"positions": {"END": 10}}, "position 'END' is 10: allowed: 0 to 9"),
        ({"positions": {"END": -1}}, "position 'END' is -1"),
        ({"answer_token": -3}, "a token is negative"),
    ],
)
def test_a_pair_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        replace(PAIR, **change)
    assert PAIR.clean in str(caught.value)


def test_pairs_are_a_sequence():
    assert len(PAIRS) == 2
    assert list(PAIRS) == [PAIRS[0], PAIRS[1]]
    assert PAIRS.templates == ("BABA-01", "BABA-02")
    assert PAIRS.position_names == ("IO", "S1", "S2", "END")


def test_select_keeps_the_order_given():
    assert PAIRS.select([1, 0]).pairs == (PAIRS[1], PAIRS[0])
    assert PAIRS.select(range(1)) == replace(PAIRS, pairs=(PAIR,))


@pytest.mark.parametrize("index", [2, -1])
def test_select_outside(index):
    with pytest.raises(ValueError, match=f"pair index {index} is not.*allowed: 0 to 1"):
        PAIRS.select([0, index])


def test_no_pairs():
    with pytest.raises(ValueError, match="at least one"):
        PAIRS.select([])


def test_pairs_share_their_position_names():
    other = replace(PAIR, positions={"END": 9})
    with pytest.raises(ValueError, match=r"names the positions \['END'\]"):
        replace(PAIRS, pairs=(PAIR, other))


def test_file_is_a_header_and_a_line_a_pair(tmp_path):
    PAIRS.write(tmp_path / "pairs.jsonl")
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {
        "schema_version": SCHEMA_VERSION,
        "task": "ioi",
        "corruption": "s2_io_flip",
        "prepend_bos": False,
        "seed": 0,
        "n_pairs": 2,
    }
    assert json.loads(lines[1])["clean_tokens"] == [5, 2, 6, 3, 7, 8, 2, 9, 10, 11]
    assert len(lines) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]


def edit(path, line, **changes):
    """Writes PAIRS with one line's keys changed; a value of ... removes the key."""
    PAIRS.write(path)
    records = [json.loads(text) for text in path.read_text().splitlines()]
    records[line - 1] |= changes
    records[line - 1] = {k: v for k, v in records[line - 1].items() if v is not ...}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.parametrize(
    ("line", "changes", "message"),
    [
        (1, {"schema_version": 1}, "line 1: schema version 1, of an older"),
        (1, {"schema_version": True}, "schema_version is True"),
        (1, {"seed": ...}, "line 1: key 'seed' is missing"),
        (1, {"colour": 1}, "line 1: unknown key 'colour'"),
        (1, {"n_pairs": 3}, "says 3 pairs, the file holds 2: it was cut short"),
        (1, {"prepend_bos": "no"}, "prepend_bos is 'no'"),
        (1, {"seed": 1.0}, "seed is 1.0"),
        (2, {"clean": ...}, "line 2: key 'clean' is missing"),
        (3, {"clean_tokens": [1]}, "pair .* has 1 tokens"),
        (3, {"clean_tokens": 5}, "line 3: clean_tokens is 5: a list of tokens is"),
        (3, {"clean_tokens": [1.5]}, "line 3: clean_tokens is .1.5"),
        (2, {"answer_token": True}, "line 2: answer_token is True: a whole number"),
        (2, {"positions": {"END": False}}, "line 2: positions is"),
        (3, {"positions": [1]}, "line 3: positions is .1.: named positions is"),
    ],
)
def test_read_names_file_and_line(tmp_path, line, changes, message):
    edit(tmp_path / "pairs.jsonl", line, **changes)
    with pytest.raises(ValueError, match=f"pairs.jsonl.*{message}") as caught:
        PromptPairs.read(tmp_path / "pairs.jsonl")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"[]\n",
        b"\xff\n",
        b"{",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"seed": 1, "seed": 2}',
    ],
)
def test_read_refuses_other_files(tmp_path, content):
    (tmp_path / "pairs.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=r"pairs\.jsonl"):
        PromptPairs.read(tmp_path / "pairs.jsonl")


def test_a_file_cut_at_any_byte_is_refused_or_whole(tmp_path):
    path = tmp_path / "pairs.jsonl"
    PAIRS.write(path)
    content = path.read_bytes()
    for length in range(len(content) - 1):  # the last byte is the final line break
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"pairs\.jsonl"):
            PromptPairs.read(path)


def test_pairs_need_no_torch():
    code = "import head_patching.tasks, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


tokens = st.integers(0, 10**6)
texts = st.text(min_size=1, max_size=20)


@st.composite
def pair_arguments(draw, names):
    """Arguments of any possible pair."""
    length = draw(st.integers(1, 6))
    token_lists = st.lists(tokens, min_size=length, max_size=length).map(tuple)
    return (
        *draw(two_different(texts)),
        *draw(two_different(token_lists)),
        *draw(two_different(texts)),
        *draw(two_different(tokens)),
        {name: draw(st.integers(0, length - 1)) for name in names},
        draw(texts),
    )


def two_different(values):
    return st.lists(values, min_size=2, max_size=2, unique=True)


settings_of_pairs = st.tuples(texts, texts, st.booleans(), st.integers(0, 2**64))
pairs_of_pairs = st.lists(texts, max_size=3, unique=True).flatmap(
    lambda names: st.lists(pair_arguments(names), min_size=1, max_size=3)
)


def write_pairs(path, header, pairs):
    made = PromptPairs(*header, tuple(PromptPair(*arguments) for arguments in pairs))
    made.write(path)
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pairs") / "pairs.jsonl"


@settings(deadline=None)
@given(settings_of_pairs, pairs_of_pairs)
def test_what_is_written_is_read_again(path, header, pairs):
    pairs = write_pairs(path, header, pairs)
    assert PromptPairs.read(path) == pairs
    content = path.read_bytes()
    PromptPairs.read(path).write(path)
    assert path.read_bytes() == content


def assert_read_or_refused(path):
    """Reading gives pairs or a ValueError of one line, never anything else."""
    refusal = None
    try:
        PromptPairs.read(path)
    except ValueError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal.startswith(str(path))
        assert len(refusal.splitlines()) == 1


@settings(deadline=None, max_examples=200)
@given(settings_of_pairs, pairs_of_pairs, st.data())
def test_any_bytes_in_a_file_are_read_or_refused(path, header, pairs, data):
    write_pairs(path, header, pairs)
    content = path.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    path.write_bytes(content[:start] + data.draw(st.binary()) + content[stop:])
    assert_read_or_refused(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(settings_of_pairs, pairs_of_pairs, st.data())
def test_any_value_in_a_record_is_read_or_refused(path, header, pairs, data):
    write_pairs(path, header, pairs)
    records = [json.loads(line) for line in path.read_text().split("\n") if line]
    record = data.draw(st.sampled_from(records))
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(json_values)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert_read_or_refused(path)
