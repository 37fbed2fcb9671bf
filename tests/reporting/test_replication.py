"""Numbers and tables of the replication, from synthetic results with known answers."""

import pytest

from head_patching.reporting.replication import (
    replication_numbers,
    replication_table,
)
from head_patching.reporting.role_agreement import (
    role_agreement_table,
    role_disagreements_table,
)
from tests.reporting.given import body


@pytest.fixture
def numbers(tables):
    """Of the synthetic results."""
    return tables.call(replication_numbers)


@pytest.fixture
def nothing(tables):
    """Tables of a model of which nothing is published."""
    names = ("replication", "role_agreement", "role_disagreements")
    return tables.but(**{name: tables[name].head(0) for name in names})


def test_own_and_other_values_beside_the_published(numbers):
    assert numbers["replication/present"] == "true"
    assert numbers["replication/own/with-bos"] == "false"
    assert numbers["replication/other/with-bos"] == "true"
    assert numbers["replication/published/logit-diff"] == "3.56"
    assert numbers["replication/published/accuracy"] == "0.993"
    assert numbers["replication/own/logit-diff"] == r"\ensuremath{3.41}"
    assert numbers["replication/own/logit-diff-interval"] == (
        r"\ensuremath{[3.26, 3.56]}"
    )
    assert numbers["replication/other/name-movers"] == r"\ensuremath{0.32}"
    assert numbers["replication/own/s-inhibition/of-found/measured"] == "true"
    assert numbers["replication/other/s-inhibition/of-found/measured"] == "false"
    # Nothing of this kind is published of the synthetic model.
    assert numbers["replication/own/probability"] == "--"


def test_published_values_are_counted_once(numbers):
    """Rows of heads found here are no published values; a bound may be exceeded."""
    assert numbers["replication/own/n-compared"] == "six"
    assert numbers["replication/own/n-agree"] == "five"
    assert numbers["replication/own/outside"] == (
        r"attention END$\to$S2 (S-inhibition)"
    )
    assert numbers["replication/own/all-agree"] == "false"
    # 0.3 less: of the shares S2 has 0.41, and the average head is below its bound.
    assert numbers["replication/other/n-agree"] == "two"
    assert "copy score (name mover)" in numbers["replication/other/outside"]


def test_agreement_of_roles(numbers):
    assert numbers["replication/own/roles/recall"] == r"\ensuremath{0.80}"
    assert numbers["replication/own/roles/n-published"] == "5"
    assert numbers["replication/own/roles/missed/heads"] == "L2H2"
    assert numbers["replication/own/roles/added/heads"] == "L15H1"
    assert numbers["replication/other/roles/missed/heads"] == "L21H7"
    assert numbers["replication/other/roles/added/found"] == "false"


def test_every_key_is_there_without_anything_published(numbers, nothing):
    without = nothing.call(replication_numbers)
    assert set(without) == set(numbers)
    assert without["replication/present"] == "false"
    assert without["replication/own/logit-diff"] == "--"
    assert without["replication/own/roles/kappa"] == "--"


def test_the_table_of_values(tables):
    lines = body(replication_table(tables["replication"]))
    assert len(lines) == 6 + 3
    assert lines[0] == [
        "logit difference", r"\ensuremath{3.56}",
        r"\ensuremath{3.41}", r"\ensuremath{[3.26, 3.56]}", "yes",
        r"\ensuremath{3.11}", r"\ensuremath{[2.96, 3.26]}", "no",
    ]  # fmt: skip
    assert lines[2][0] == r"attention END$\to$IO (name mover), 3 heads"
    assert lines[3][0] == r"\quad of heads found here"
    assert lines[3][2] == r"\ensuremath{0.62} (2)"
    assert lines[4][1] == r"\ensuremath{> 0.95}"
    assert lines[8][-3:] == ["--", "no heads", ""]


def test_the_own_setting_is_first(tables):
    assert replication_table(tables["replication"]).index("Without") > 0
    values = tables["replication"]
    swapped = replication_table(values.assign(own=values["prepend_bos"]))
    assert swapped.index("With") < swapped.index("Without")
    assert body(swapped)[0][2] == r"\ensuremath{3.11}"


def test_the_table_of_roles(tables):
    lines = body(tables.call(role_agreement_table))
    assert [line[0].split()[-1:] for line in lines] == [
        ["without"], [], [], ["with"], [], []
    ]  # fmt: skip
    assert lines[1][1:5] == ["S-inhibition", "3", "3", "2"]
    assert lines[1][5] == r"\ensuremath{0.67}"
    assert lines[4][5] == "--"  # precision of nothing found


def test_the_table_of_heads_on_which_both_differ(tables):
    missed, added = body(tables.call(role_disagreements_table))
    assert missed[:3] == ["L2H2", "S-inhibition", "the paper"]
    # The condition on attention is met.
    assert missed[3] == (
        r"path to name movers' queries \ensuremath{0.00} (significant, $\ge 0.02$)"
    )
    assert added == ["L15H1", "S-inhibition", "this chapter", "--"]


def test_tables_without_anything_published(nothing):
    for table in (replication_table, role_agreement_table, role_disagreements_table):
        assert [line[0] for line in body(nothing.call(table))] == ["none"]
