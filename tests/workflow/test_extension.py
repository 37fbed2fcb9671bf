"""A table, a figure, a number and a patch type are added in few places, and appear.

In a copy of the project a contributor adds a table (with its writer, command and rule),
a figure of it, a number from it, and a patch type that replaces k and v together. The
edits below are all that is changed; the chapter of a planted model must then hold all
four.
"""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace, copy_of_tracked_files

pytestmark = pytest.mark.workflow

CONFIG = ("models=[planted-gpt2]", "patch_types=[output,kv]")

# One line each in files that exist: (file, the line before it, the line).
LINES = [
    (
        "src/head_patching/files/register.py",
        "    # Of one experiment.\n",
        '    Table("signs", Scope.EXPERIMENT, "patch_type direction sign n:i"),\n',
    ),
    (
        "Snakefile",
        "#       effects.csv, effects_by_position.csv"
        "            effect of every head\n",
        "#       signs.csv                                       how many raise it\n",
    ),
    (
        "Snakefile",
        'include: "workflow/rules/effects.smk"\n',
        'include: "workflow/rules/signs.smk"\n',
    ),
    (
        "src/head_patching/terms.py",
        '        PatchType("pattern", ("pattern",), "pattern"),\n',
        '        PatchType("kv", ("k", "v"), "k and v"),\n',
    ),
    (
        "paper/chapter.tex",
        None,
        "\\result{ioi/signs/raising} raise it. \\includegraphics{ioi/signs}\n",
    ),
]

# A function in a file that exists: (file, the function).
FUNCTIONS = [
    (
        "src/head_patching/patching/deltas.py",
        """

@patch_type("kv")
def patch_kv(patch: LayerPatch) -> Float[Tensor, "batch suffix_pos head d_head"]:
    \"\"\"z with the source run's keys and values.\"\"\"
    return patch.z(k=patch.from_source("k"), v=patch.from_source("v"))
""",
    ),
]

NEW = {
    "src/head_patching/patching/signs.py": '''\
"""How many heads raise and lower the answer's logit."""

import pandas as pd


def count_signs(effects: pd.DataFrame) -> pd.DataFrame:
    """Heads by the sign of their effect, for each patch type and direction."""
    sign = effects["effect"].ge(0).map({True: "raises", False: "lowers"})
    keys = ["patch_type", "direction", "sign"]
    return effects.assign(sign=sign).groupby(keys).size().reset_index(name="n")
''',
    "src/head_patching/commands/count_signs.py": '''\
"""head-patching count-signs: how many heads raise and lower the answer's logit."""

from head_patching.commands._options import Effects, Out


def count_signs(effects: Effects, out: Out) -> None:
    """Count the heads that raise and that lower the answer's logit."""
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.patching import signs

    table = signs.count_signs(read_table("effects", effects))
    write_table("signs", out, table)
''',
    "workflow/rules/signs.smk": '''\
rule count_signs:
    """Count the heads that raise and that lower the answer's logit."""
    input:
        effects="results/{model}/{task}/{corruption}/effects.csv",
        code=code("count-signs"),
    output:
        signs="results/{model}/{task}/{corruption}/signs.csv",
        record="results/{model}/{task}/{corruption}/signs.run.json",
    log:
        "logs/count_signs/{model}_{task}_{corruption}.log",
    shell:
        "head-patching count-signs --effects {input.effects} --out {output.signs}"
        " > {log} 2>&1"
''',
    "src/head_patching/reporting/signs.py": '''\
"""Numbers on the signs of effects."""

import pandas as pd

from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers


@numbers
def sign_numbers(signs: pd.DataFrame) -> Numbers:
    """How many heads raise the answer's logit, in denoising by outputs."""
    rows = signs[(signs["patch_type"] == "output") & (signs["sign"] == "raises")]
    n = rows.loc[rows["direction"] == "denoising", "n"].sum()
    return {"signs/raising": f"{n} of all heads"}
''',
    "figures/signs.py": '''\
"""How many heads raise and lower the answer's logit."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from figures.command import figure_command
from figures.style import TEXT_WIDTH


def draw(signs: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Heads that raise and lower the answer's logit, denoising."""
    shown = signs[signs["direction"] == "denoising"]
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.5))
    ax.barh(shown["patch_type"] + " " + shown["sign"], shown["n"])
    ax.set_xlabel("number of heads")
    return fig, shown


if __name__ == "__main__":
    figure_command(draw)
''',
}


def extended(workspace: Workspace) -> Workspace:
    """The copy with the additions of a contributor."""
    for file, before, line in LINES:
        path = workspace.folder / file
        text = path.read_text(encoding="utf-8")
        if before is None:
            text += line
        else:
            assert text.count(before) == 1, f"{file} does not hold {before!r} once"
            text = text.replace(before, before + line)
        path.write_text(text, encoding="utf-8")
    for file, function in FUNCTIONS:
        with (workspace.folder / file).open("a", encoding="utf-8") as opened:
            opened.write(function)
    for file, content in NEW.items():
        assert not (workspace.folder / file).exists()
        (workspace.folder / file).write_text(content, encoding="utf-8")
    return workspace


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The chapter of a planted model, with the additions."""
    workspace = extended(copy_of_tracked_files(tmp_path_factory.mktemp("extended")))
    workspace.run("--config", *CONFIG)
    return workspace


@pytest.fixture(scope="module")
def text(built: Workspace) -> str:
    """The text of the built chapter."""
    pdf = built.folder / "results/paper/chapter.pdf"
    run = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True)
    return run.stdout.decode()


def experiment(built: Workspace) -> Path:
    """The folder of the planted model's IOI results."""
    return built.folder / "results/planted-gpt2/ioi/s2_io_flip"


def test_the_number_is_in_the_text(built: Workspace, text: str) -> None:
    effects = pd.read_csv(experiment(built) / "effects.csv")
    outputs = effects[(effects["patch_type"] == "output")]
    raising = (outputs[outputs["direction"] == "denoising"]["effect"] >= 0).sum()
    assert f"{raising} of all heads raise it." in " ".join(text.split())


def test_the_figure_is_in_the_text(built: Workspace, text: str) -> None:
    assert "number of heads" in text
    assert (built.folder / "results/figures/ioi/signs.pdf").is_file()
    drawn = pd.read_csv(built.folder / "results/figures/ioi/signs.csv")
    assert set(drawn["patch_type"]) == {"output", "kv"}


def test_the_patch_type_is_in_the_text(built: Workspace, text: str) -> None:
    assert "k and v" in text  # a column of the grid of patch types
    effects = pd.read_csv(experiment(built) / "effects.csv")
    moved = effects.groupby("patch_type")["effect"].apply(lambda each: each.abs().max())
    assert moved["kv"] > 0.01


def test_its_effects_equal_those_of_its_hooks(built: Workspace) -> None:
    checked = pd.read_csv(experiment(built) / "self_check.csv")
    both = checked[checked["patch_type"] == "kv"]
    assert set(both["direction"]) == {"denoising", "noising"}
    assert both["abs_diff"].max() < 1e-4


def test_where_the_number_comes_from(built: Workspace) -> None:
    numbers = pd.read_csv(built.folder / "results/numbers.csv").set_index("key")
    assert numbers.loc["ioi/signs/raising", "files"].endswith("s2_io_flip/signs.csv")
