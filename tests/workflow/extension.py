"""What a contributor adds: a table, a figure, a number and a patch type.

The table comes with its writer, command and rule; the figure is drawn and the number
counted from it; the patch type replaces k and v together. The edits below are all that
is changed.
"""

from pathlib import Path

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


def extend(folder: Path) -> None:
    """Make the additions in a copy of the project."""
    for file, before, line in LINES:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        if before is None:
            text += line
        else:
            assert text.count(before) == 1, f"{file} does not hold {before!r} once"
            text = text.replace(before, before + line)
        path.write_text(text, encoding="utf-8")
    for file, function in FUNCTIONS:
        with (folder / file).open("a", encoding="utf-8") as opened:
            opened.write(function)
    for file, content in NEW.items():
        assert not (folder / file).exists()
        (folder / file).write_text(content, encoding="utf-8")
