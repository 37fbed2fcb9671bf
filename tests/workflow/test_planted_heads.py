"""The chapter of a planted model names the planted heads, each with its role.

The truth is what the model is constructed from; nothing here is compared with another
result. At this noise every head of the circuit is found, and none beside. Heads up to
S-inhibition are redundant: one of two suffices, so that no previous token, duplicate
token or induction head has an effect of its own, and all are found as groups.
"""

import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from figures.circuit import draw
from head_patching.files.tables import read_table
from head_patching.models.registry import MODELS
from head_patching.planted.circuit import ROLES, draw_circuit
from head_patching.terms import ROLES as ALL_ROLES
from head_patching.terms import head_name

from .conftest import Workspace, text_of

pytestmark = pytest.mark.workflow

MODEL = "planted-gpt2-redundant"
FOLDERS = {"ioi": "s2_io_flip", "induction": "b1_replaced"}

# Role -> the heads planted in it; task -> the roles that it has criteria for.
CIRCUIT = {
    role: {(head.layer, head.head) for head in heads}
    for role, heads in draw_circuit(
        MODELS[MODEL].seed,
        MODELS[MODEL].architecture,
        redundancy=MODELS[MODEL].redundancy,
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


# Stages of the trace: the planted heads that can replace one another there, and how the
# text begins to say so.
GROUPS = {
    "stage.name_mover_queries": (
        CIRCUIT["S-inhibition"],
        "On the name movers’ queries",
    ),
    "stage.s_inhibition_values": (
        CIRCUIT["duplicate token"] | CIRCUIT["induction"],
        "On the S-inhibition heads’ values",
    ),
    "stage.induction_keys": (
        CIRCUIT["previous token"],
        "On the induction heads’ keys",
    ),
}

# Roles whose heads are felt one by one; of all others the loss is made up for.
FELT_ALONE = ("name mover", "negative name mover", "S-inhibition")


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
    # Heads may matter in the second task by what they were planted for in the first.
    undecided = with_role(roles[roles["role"] == "undecided"])
    assert {*undecided} <= {*planted()} - {*planted(task)}
    assert with_role(roles) == planted(task) | undecided


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
    assert (to_logits[["negative name mover"]] < 0).all()
    assert set(SENTENCES) <= {role for role in ALL_ROLES if role in shown}


def test_the_strongest_heads_are_planted(built: Workspace) -> None:
    drawn, shown = figure(built, "ioi/top_heads")
    answering = set().union(*(CIRCUIT[role] for role in FELT_ALONE))
    strongest = drawn[drawn["rank"] <= len(answering)]
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


def test_redundant_heads_have_no_effect_of_their_own(built: Workspace) -> None:
    drawn, _ = figure(built, "ioi/head_effects")
    effect = drawn.set_index(["layer", "head"])["effect"].abs()
    for role in ("previous token", "duplicate token", "induction"):
        for head in CIRCUIT[role]:
            assert (effect.loc[[head]] < 0.02).all(), (role, head)


def redundant(built: Workspace, stage: str) -> pd.Series:
    """The row of groups.csv that shows best that heads can replace one another."""
    folder = built.folder / "results" / MODEL / "ioi/s2_io_flip"
    groups = pd.read_csv(folder / "groups.csv", keep_default_na=False)
    labels = groups["label"].isin(["redundant", "each sufficient"])
    rows = groups[(groups["stage"] == stage) & labels & (groups["matters"] == 1)]
    return rows.astype({"joint": float}).nlargest(1, "joint").iloc[0]


def joint_of(group: pd.Series) -> str:
    """The joint effect with its interval, as tables, figures and text have it."""
    low, high = float(group["joint_low"]), float(group["joint_high"])
    return f"{group['joint']:+.2f} [{low:+.2f}, {high:+.2f}]"


@pytest.mark.parametrize("stage", GROUPS)
def test_redundant_heads_are_found_as_a_group(built: Workspace, stage: str) -> None:
    group, (heads, _) = redundant(built, stage), GROUPS[stage]
    assert set(group["heads"].split("+")) == names(heads)
    assert float(group["joint_low"]) > 0.1
    if group["direction"] == "noising":
        assert float(group["alone"]) < group["joint"] / 2


@pytest.mark.parametrize("stage", GROUPS)
def test_the_table_of_roles_has_the_group(built: Workspace, stage: str) -> None:
    group, (heads, _) = redundant(built, stage), GROUPS[stage]
    table = (built.folder / "results/tables/ioi/roles.tex").read_text()
    rows = [line for line in table.splitlines() if "as a group" in line]
    assert len(rows) == len(GROUPS)
    (row,) = [row for row in rows if heads_in(row.split("together")[0]) == names(heads)]
    shown = re.sub(r"\\ensuremath{([^{}]*)}", r"\1", row)
    assert f"together {joint_of(group)} ({group['direction']}, " in shown


@pytest.mark.parametrize("stage", GROUPS)
def test_the_circuit_has_the_group(built: Workspace, stage: str) -> None:
    group, (heads, _) = redundant(built, stage), GROUPS[stage]
    drawn, _ = figure(built, "ioi/circuit")
    edges = drawn[drawn["group"] == group["heads"]]
    assert {*zip(edges["layer"], edges["head"], strict=True)} == heads
    assert edges["joint"].nunique() == 1
    assert edges["joint"].iloc[0] == pytest.approx(group["joint"], abs=1e-6)
    # What is outlined in white is drawn, not written: no text of the PDF.
    folder = built.folder / "results" / MODEL / "ioi/s2_io_flip"
    circuit = read_table("circuit", folder / "circuit.csv")
    fig, _ = draw(circuit, read_table("head_groups", folder / "groups.csv"))
    written = {text.get_text() for text in fig.axes[0].texts}
    plt.close(fig)
    assert f"{len(heads)} candidates together\n{joint_of(group)}" in written


@pytest.mark.parametrize("stage", GROUPS)
def test_the_text_has_the_group(built: Workspace, text: str, stage: str) -> None:
    """Its heads and its effects; a page may end after the words before them."""
    group, (heads, _) = redundant(built, stage), GROUPS[stage]
    said = r"((?:L\d+H\d+|and|,)+)actasagroup:alonetheysumto[^,]*,togetherto"
    sentences = {
        frozenset(heads_in(found[1])): squeezed(text)[found.end() :]
        for found in re.finditer(said, squeezed(text))
    }
    after = sentences.get(frozenset(names(heads)))
    assert after, text.split("The result by role")[1][:2500]
    assert after.startswith(squeezed(joint_of(group)) + ".")


def squeezed(text: str) -> str:
    """The text without spaces and hyphens: lines may break anywhere."""
    return re.sub(r"[\s-]", "", text)
