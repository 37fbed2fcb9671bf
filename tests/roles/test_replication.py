"""Published values beside measured ones, by hand and on a planted circuit."""

import numpy as np
import pandas as pd
import pytest

from head_patching.patching.runs import run_pairs
from head_patching.planted.circuit import draw_circuit
from head_patching.roles.assign import assign_roles
from head_patching.roles.evidence import evidence_on_tokens
from head_patching.roles.measured import average
from head_patching.roles.published import ALL_HEADS, published_values
from head_patching.roles.replication import (
    Setting,
    allows,
    replication,
    role_agreement,
    role_disagreements,
)
from head_patching.roles.tracer import tracer
from head_patching.statistics import Statistics, bootstrap_mean, widened
from head_patching.tasks import find_task
from tests.planted_models import planted_model
from tests.roles.test_agreement import roles
from tests.roles.test_validation import CLASSIFIERS, RULES

GROUPS = ["a", "a", "b", "b", "c", "c"]
DRAWN = Statistics(200, 0, seed=5)
LISTED = {"name mover": ((0, 0), (0, 1)), "induction": ((1, 0),)}
FOUND = roles({(0, 1): ["name mover"]}, n_layers=2, n_heads=2)


def published(*rows):
    """A published table from (criterion, role, comparison, value)."""
    columns = ["criterion", "role", "comparison", "published"]
    return pd.DataFrame(rows, columns=columns).assign(section="section 1")


def behaviour(accuracy=0.75, n_groups=3):
    """behaviour.csv: logit_diff 2 [1, 3], and an accuracy; corrupt is the opposite.

    That of all prompts has the interval of the file, 0.025 ** (1 / 3) for three groups.
    """
    rows = []
    for group in ("all", *"abcdefghij"[:n_groups]):
        for run, sign in (("clean", 1), ("corrupt", -1)):
            spread = 1 - 0.025 ** (1 / n_groups) if accuracy == 1 else 0.1
            rows += [
                (group, run, "logit_diff", 2.0 * sign, sign - 0.0, 3.0 * sign),
                (group, run, "accuracy", accuracy, accuracy - spread, accuracy),
            ]
    columns = ["group", "run", "metric", "mean", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def setting(bos=False, own=True, **changes):
    """Attention of four heads on six pairs: head h of layer l attends l + h / 10."""
    of_head = np.array([[0.0, 0.2], [0.5, 0.9]])[..., None]
    values = of_head + 0.01 * np.arange(6)
    tables = {"behaviour": behaviour(), "roles": FOUND}
    tables["evidence"] = {"attention": average("attention", values, GROUPS)}
    tables["role_criteria"] = pd.DataFrame(
        {"layer": [0], "head": [0], "role": "name mover", "criterion": "attention"}
        | {"value": 0.1, "ci_low": 0.0, "ci_high": 0.2, "comparison": ">="}
        | {"threshold": 0.2, "verdict": 0}
    )
    return Setting(bos, own, **tables | changes)


VALUES = published(
    ("logit_diff", "", "=", 2.5),
    ("attention", "name mover", "=", 0.3),
    ("attention", "induction", ">", 0.4),
    ("attention", ALL_HEADS, "<", 0.3),
)


def test_means_over_published_found_and_all_heads():
    table = replication(VALUES, LISTED, [setting()], DRAWN)
    assert table["heads"].tolist() == [
        "", "published", "found", "published", "found", "all"
    ]  # fmt: skip
    assert table["n_heads"].tolist() == [0, 2, 1, 1, 0, 4]
    # Over pairs 0.025 is added; heads (0, 0) and (0, 1) have 0.1 on average.
    expected = [2.0, 0.125, 0.225, 0.525, np.nan, 0.425]
    np.testing.assert_allclose(table["value"], expected)
    assert table.loc[0, ["ci_low", "ci_high"]].tolist() == [1.0, 3.0]
    per_pair = 0.1 + 0.01 * np.arange(6)
    ends = bootstrap_mean(per_pair, GROUPS, 200, 5)
    np.testing.assert_allclose(table.loc[1, ["value", "ci_low", "ci_high"]], ends)
    # 2.5 lies in [1, 3], 0.3 far above 0.125; 0.525 > 0.4, but 0.425 is not below 0.3.
    verdicts = table["agrees"].to_numpy()
    np.testing.assert_array_equal(verdicts, [1, 0, 0, 1, np.nan, 0])


def test_both_settings_are_named():
    both = [setting(), setting(bos=True, own=False, behaviour=behaviour(1.0))]
    table = replication(published(("accuracy", "", "=", 0.95)), LISTED, both, DRAWN)
    assert table[["prepend_bos", "own"]].to_numpy().tolist() == [[0, 1], [1, 0]]
    assert table["value"].tolist() == [0.75, 1.0]
    assert table["agrees"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("comparison", "value", "verdict"),
    [("=", 0.4, 1), ("=", 0.6, 0), (">", 0.4, 1), (">", 0.5, 0), ("<", 0.4, 1)]
    + [("<", 0.3, 0), ("=", 0.3, 1)],
)
def test_an_interval_from_3_to_5_tenths(comparison, value, verdict):
    assert allows(comparison, value, 0.3, 0.5) == verdict


def test_roles_are_compared_in_each_setting():
    both = [setting(), setting(bos=True, own=False, roles=roles({}, 2, 2))]
    table = role_agreement(LISTED, both, DRAWN)
    over_all = table[table["role"] == "all roles"]
    assert over_all["own"].tolist() == [1, 0]
    assert over_all["both"].tolist() == [1, 0]
    assert over_all["recall"].tolist() == pytest.approx([1 / 3, 0])
    # Alike in 6 of 8 cells; 3 / 8 listed, 1 / 8 found: chance 3 / 64 + 35 / 64.
    assert over_all["kappa"].tolist()[0] == pytest.approx((48 - 38) / (64 - 38))
    differ = role_disagreements(LISTED, both)
    own = differ[differ["own"] == 1]
    assert own[["layer", "head", "role", "side", "value"]].to_numpy().tolist() == [
        [0, 0, "name mover", "published", 0.1],
        [1, 0, "induction", "published", pytest.approx(np.nan, nan_ok=True)],
    ]
    assert len(differ[differ["own"] == 0]) == 3


def test_a_model_nobody_described_has_empty_tables():
    values = published_values("smollm2-135m")
    tables = (
        replication(values, {}, [], DRAWN),
        role_agreement({}, [], DRAWN),
        role_disagreements({}, []),
    )
    for table in tables:
        assert table.empty
        assert {"prepend_bos", "own", "role"} <= set(table)


def test_attention_that_is_always_the_same_keeps_its_interval():
    always = average("attention", np.ones((2, 2, 6)), GROUPS)
    values = published(("attention", "name mover", "=", 0.99))
    made = setting(evidence={"attention": always})
    row = replication(values, LISTED, [made], DRAWN).iloc[0]
    assert row[["value", "ci_low", "ci_high", "agrees"]].tolist() == [1, 1, 1, 0]


def test_what_was_not_measured_is_named():
    values = published(("copy_score", "name mover", "=", 1.0))
    with pytest.raises(ValueError, match="'copy_score' is published, but was not"):
        replication(values, LISTED, [setting()], DRAWN)
    values = published(("surprise", "", "=", 1.0))
    with pytest.raises(ValueError, match="'surprise' is published, but was not"):
        replication(values, LISTED, [setting()], DRAWN)


def test_the_list_of_another_model_is_refused():
    with pytest.raises(ValueError, match="L9H6, a published name mover, is not in"):
        replication(VALUES, {"name mover": ((9, 6),)}, [setting()], DRAWN)


@pytest.fixture(scope="module")
def planted():
    """A planted model measured with and without the start token it was built for."""
    model, task = planted_model("gpt2"), find_task("ioi")
    on_tokens = evidence_on_tokens(model, 0, prepend_bos=True)
    settings = []
    for bos in (True, False):
        pairs = task.build(model.tokenizer, 16, "abc", 3, bos)
        trace = tracer(model, {"abc": pairs})
        found = assign_roles(trace, CLASSIFIERS["ioi"], on_tokens, RULES)
        right = (trace.steps.clean_logit_diff > 0).astype(float)
        ends = bootstrap_mean(right, pairs.templates, 200, 0)
        groups = ["all", *sorted(set(pairs.templates))]
        answers = pd.DataFrame({"group": groups, "run": "clean", "metric": "accuracy"})
        ends = widened(tuple(map(float, ends)), len(groups) - 1, 0.95)
        answers[["mean", "ci_low", "ci_high"]] = np.array(ends)
        evidence = {each.criterion: each for each in found.measured}
        made = Setting(bos, bos, answers, evidence, found.roles, found.role_criteria)
        settings.append((made, pairs))
    return model, settings


def test_a_planted_model_replicates_the_table_made_for_it(planted):
    """The truth is found with the token that the model knows, and not without it."""
    model, measured = planted
    settings = [each for each, _ in measured]
    circuit = draw_circuit(3, "gpt2")
    truth = {
        role: tuple((head.layer, head.head) for head in heads)
        for role, heads in circuit.items()
    }
    pairs = measured[0][1]
    movers, attention = (
        truth["name mover"],
        [],
    )  # read off the patterns, one prompt at a time
    for batch in run_pairs(model, pairs, 1):
        pattern = batch.clean.pattern[:, 0]
        at = pairs[batch.indices[0]].positions
        rows = [pattern[layer, head, at["END"], at["IO"]] for layer, head in movers]
        attention.append(float(sum(rows)) / len(rows))
    mean = float(np.mean(attention))
    values = published(
        ("accuracy", "", "=", 0.999),
        ("attention.END.IO", "name mover", "=", mean),
        ("attention.END.IO", "S-inhibition", "=", mean),
        ("copy_score", "name mover", ">", 0.95),
        ("copy_score", ALL_HEADS, "<", 0.95),
    )
    table = replication(values, truth, settings, DRAWN)
    shown = table[table["heads"] != "found"]
    own = shown[shown["own"] == 1]
    assert own["agrees"].tolist() == [1, 1, 0, 1, 1]
    assert own["value"].iloc[1] == pytest.approx(mean, abs=1e-5)
    with_roles = table[(table["heads"] == "found") & (table["own"] == 1)]
    same = table[(table["heads"] == "published") & (table["own"] == 1)]
    assert with_roles["value"].tolist() == same["value"].tolist()
    scores = role_agreement(truth, settings, DRAWN).set_index(["own", "role"])
    for role in truth:
        found = scores.loc[(1, role), ["precision", "recall", "kappa"]]
        assert found.tolist() == [1, 1, 1]
    assert role_disagreements(truth, settings[:1]).empty
    without = scores.loc[(0, "all roles")]
    assert without["recall"] < 0.5
    assert without["kappa"] < 0.6
    others = table[table["own"] == 0]
    assert others.loc[others["criterion"] == "accuracy", "value"].item() < 0.9
