"""Tables and numbers of paths, knock-outs and signals."""

import numpy as np

from head_patching.reporting.paths import (
    knock_out_table,
    path_numbers,
    paths_table,
    signals_table,
)
from tests.reporting.given import body


def without(evidence, criterion):
    """The evidence as it is when a criterion could not be measured."""
    value = evidence["value"].mask(evidence["criterion"] == criterion, np.nan)
    return evidence.assign(value=value)


def test_senders_are_under_their_path_strongest_first(tables):
    rows = body(tables.call(paths_table))
    assert rows[0][:4] == ["path to the logits", "L24H4", "name mover", "+0.310"]
    assert rows[0][4] == r"\ensuremath{[+0.300, +0.320]}"
    assert [row[1] for row in rows[:4]] == ["L24H4", "L21H7", "L26H1", "L22H3"]
    assert rows[4][0] == "path to name movers' queries (L21H7 and L24H4)"
    assert rows[4][1:3] == ["L20H0", "S-inhibition"]


def test_a_path_without_receivers_says_so(tables):
    evidence = without(tables["evidence"], "path.induction_keys")
    rows = body(paths_table(evidence, tables["roles"], tables["head_groups"]))
    assert rows[-1][1:] == ["--", "no important sender", "{--}", "--"]
    numbers = path_numbers(evidence)
    assert numbers["evidence/path/induction-keys/measured"] == "false"
    assert numbers["evidence/path/induction-keys/top-head"] == "--"


def test_receivers_that_are_candidates_are_named_as_such(tables):
    roles = tables["roles"].replace({"role": {"S-inhibition": "undecided"}})
    groups = tables["head_groups"]
    below = groups["stage"] == "stage.s_inhibition_values"
    through = groups.assign(found=(~below).astype(int))
    rows = body(tables.but(roles=roles, head_groups=through).call(paths_table))
    named = [row[0] for row in rows if "S-inhibition values" in row[0]]
    assert named == ["path to S-inhibition values (candidates L18H8 and L20H0)"]


def test_what_grows_without_name_movers(tables):
    rows = body(tables.call(knock_out_table))
    assert len(rows) == 1
    assert rows[0][:2] == ["L23H6", "undecided"]
    assert rows[0][2] == r"\ensuremath{+0.020}"
    assert rows[0][3] == r"\ensuremath{+0.090} \ensuremath{[+0.080, +0.100]}"
    assert rows[0][4] == "+0.070"


def test_signals_of_every_s_inhibition_head(tables):
    rows = body(signals_table(tables["evidence"]))
    assert [row[0] for row in rows] == ["L18H8", "L20H0"]
    assert rows[1][1:] == [
        r"\ensuremath{+0.180} \ensuremath{[+0.170, +0.190]}",
        r"\ensuremath{+0.020} \ensuremath{[+0.010, +0.030]}",
    ]
    numbers = path_numbers(tables["evidence"])
    assert numbers["evidence/signal/position-is-larger"] == "true"
    assert numbers["evidence/path/logits/top-head"] == "L24H4"
    assert numbers["evidence/path/logits/important/n"] == "4"
