"""The chapter of a planted model names the planted heads, each with its role.

The truth is what the model is constructed from; nothing here is compared with another
result. At this noise every head of the circuit is found, and none beside.
"""

import re

import pandas as pd
import pytest

from head_patching.models.registry import MODELS
from head_patching.planted.circuit import ROLES, draw_circuit
from head_patching.terms import ROLES as ALL_ROLES
from head_patching.terms import head_name

from .conftest import Workspace, text_of

pytestmark = pytest.mark.workflow

MODEL = "planted-gpt2"
FOLDERS = {"ioi": "s2_io_flip", "induction": "b1_replaced"}

# Role -> the heads planted in it; task -> the roles that it has criteria for.
CIRCUIT = {
    role: {(head.layer, head.head) for head in heads}
    for role, heads in draw_circuit(
        MODELS[MODEL].seed, MODELS[MODEL].architecture
    ).items()
}
TASKS = {"ioi": [*ROLES], "induction": ["previous token", "induction"]}
SENTENCES = {
    "name mover": "Name movers",
    "negative name mover": "Negative name movers",
    "S-inhibition": "S-inhibition",
    "induction": "Induction",
    "duplicate token": "Duplicate token",
    "previous token": "Previous token",
    "backup name mover": "Backup name movers",
}

# By which paths the planted heads act: sender -> receiver.
WIRING = {
    ("previous token", "induction"),
    ("induction", "S-inhibition"),
    ("duplicate token", "S-inhibition"),
    ("S-inhibition", "name mover"),
    ("name mover", "logits"),
    ("negative name mover", "logits"),
}


def planted(task: str = "ioi") -> dict[tuple[int, int], str]:
    """The role of each planted head that has one in the task."""
    return {head: role for role in TASKS[task] for head in CIRCUIT[role]}


def names(heads) -> set[str]:
    """Heads as the text calls them."""
    return {head_name(*head) for head in heads}


def with_role(table: pd.DataFrame) -> dict[tuple[int, int], str]:
    """The role of each head in a table, but of heads without any."""
    found = table[table["role"] != "no role"]
    return {(row.layer, row.head): row.role for row in found.itertuples()}


def heads_in(text: str) -> set[str]:
    """The heads that a text names."""
    return set(re.findall(r"L\d+H\d+", text))


def figure(built: Workspace, name: str) -> tuple[pd.DataFrame, str]:
    """The numbers of a figure, and the text that it shows."""
    path = built.folder / "results/figures" / name
    return pd.read_csv(path.with_suffix(".csv")), text_of(path.with_suffix(".pdf"))


def test_every_role_is_planted_but_one() -> None:
    assert set(ALL_ROLES) - set(CIRCUIT) == {"copy suppression of S"}


@pytest.mark.parametrize("task", TASKS)
def test_the_heads_with_a_role_are_the_planted_ones(
    built: Workspace, task: str
) -> None:
    folder = built.folder / "results" / MODEL / task / FOLDERS[task]
    roles = pd.read_csv(folder / "roles.csv")
    assert len(roles) == 64
    assert with_role(roles) == planted(task)


@pytest.mark.parametrize("role", SENTENCES)
def test_the_text_says_which_heads_have_the_role(text: str, role: str) -> None:
    section = text.split("The result by role, from the answer backwards, is this.")[1]
    sentence = re.search(
        rf"(?<!\w ){SENTENCES[role]}(?:, which [^:]*)?: (\w+) heads?, ([^.]*)\.",
        section,
    )
    assert sentence, section[:1500]
    assert heads_in(sentence[2]) == names(CIRCUIT[role])
    assert sentence[1] == ["no", "one", "two", "three"][len(CIRCUIT[role])]


def test_the_summary_names_a_name_mover_as_the_strongest_head(text: str) -> None:
    strongest = re.search(
        r"largest effect of a single head in denoising is ([+−-][\d.]+) \[[^]]*\] of "
        r"that distance \((L\d+H\d+), ([^)]*)\)",
        text,
    )
    assert strongest, text[:3000]
    assert strongest[2] in names(CIRCUIT["name mover"])
    assert "name mover" in strongest[3]


def test_the_table_of_evidence_has_a_row_for_each_planted_head(
    built: Workspace,
) -> None:
    table = (built.folder / "results/tables/ioi/role_evidence.tex").read_text()
    rows = [re.split(r"\s*&\s*", line) for line in table.splitlines() if "&" in line]
    shown = {cells[1]: cells[0] for cells in rows if heads_in(cells[1])}
    expected = {head_name(*head): role for head, role in planted().items()}
    assert shown == expected


def test_the_map_of_roles_names_them(built: Workspace) -> None:
    drawn, shown = figure(built, "ioi/role_map")
    assert with_role(drawn) == planted()
    assert heads_in(shown) == names(planted())
    for role, heads in CIRCUIT.items():
        assert f"{role} ({len(heads)})" in shown


def test_the_circuit_is_wired_as_it_was_planted(built: Workspace) -> None:
    drawn, shown = figure(built, "ioi/circuit")
    assert with_role(drawn) == planted()
    important = drawn[drawn["important"] == 1]
    wires = set(zip(important["role"], important["receiver"], strict=True))
    assert wires >= WIRING
    to_logits = important[important["receiver"] == "logits"].set_index("role")["value"]
    assert (to_logits["name mover"] > 0).all()
    assert to_logits["negative name mover"] < 0
    assert set(SENTENCES) <= {role for role in ALL_ROLES if role in shown}


def test_the_strongest_heads_are_planted(built: Workspace) -> None:
    drawn, shown = figure(built, "ioi/top_heads")
    strongest = drawn[drawn["rank"] <= 3]
    answering = CIRCUIT["name mover"] | CIRCUIT["negative name mover"]
    assert names(zip(strongest["layer"], strongest["head"], strict=True)) == names(
        answering
    )
    of_planted = drawn[drawn["role"] != "no role"]
    assert {(row.layer, row.head, row.role) for row in of_planted.itertuples()} <= {
        (*head, role) for head, role in planted().items()
    }
    assert names(answering) <= heads_in(shown)


def test_the_heat_map_names_those_who_answer(built: Workspace) -> None:
    drawn, shown = figure(built, "ioi/head_effects")
    effect = drawn.groupby(["layer", "head"])["effect"]
    for head in CIRCUIT["name mover"] | CIRCUIT["S-inhibition"]:
        assert (effect.get_group(head) > 0.05).all()
        assert head_name(*head) in shown
    for head in CIRCUIT["negative name mover"]:
        assert (effect.get_group(head) < -0.05).all()
        assert head_name(*head) in shown
