"""Every figure: true size, same bytes twice, its numbers in a CSV, no torch."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

import figures
from figures.command import command_line, figure_command, of_task, read_tables
from figures.style import PNG_DPI, SMALL, TEXT_WIDTH, figure_style
from head_patching.files.register import TABLES, inputs
from head_patching.files.tables import read_table

FOLDER = Path(figures.__path__[0])
NAMES = [
    path.stem for path in sorted(FOLDER.glob("*.py")) if "def draw(" in path.read_text()
]


def draw(name: str, folder: Path, out: Path) -> None:
    """Draw a figure through its command line."""
    module = importlib.import_module(f"figures.{name}")
    arguments = [
        f"--{table.replace('_', '-')}={folder / Path(TABLES[table].file).name}"
        for table in inputs(module.draw)
    ]
    figure_command(module.draw, [*arguments, f"--out={out}"])


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_as_wide_as_the_text_and_the_same_twice(
    name, results_folder, tmp_path
):
    for copy in ("a", "b"):
        draw(name, results_folder, tmp_path / copy / f"{name}.pdf")
    for suffix in (".pdf", ".png", ".csv"):
        files = [(tmp_path / copy / name).with_suffix(suffix) for copy in "ab"]
        assert files[0].read_bytes() == files[1].read_bytes()
    pdf = (tmp_path / "a" / f"{name}.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    width, height = (float(size) / 72 for size in box.groups())
    assert width == pytest.approx(TEXT_WIDTH, abs=1e-6)
    assert height < 9.0  # leaves room for the caption on a page
    assert b"CreationDate" not in pdf
    assert b"/Subtype /Type3" not in pdf  # fonts stay text that can be searched
    with Image.open(tmp_path / "a" / f"{name}.png") as image:
        assert image.width == round(TEXT_WIDTH * PNG_DPI)
    assert len(pd.read_csv(tmp_path / "a" / f"{name}.csv")) > 0


@pytest.mark.parametrize("name", NAMES)
def test_no_type_of_a_figure_is_too_small_to_read(name, results_folder):
    module = importlib.import_module(f"figures.{name}")
    tables = {
        table: read_table(table, results_folder / Path(TABLES[table].file).name)
        for table in inputs(module.draw)
    }
    with mpl.rc_context(figure_style()):
        fig, _ = module.draw(**tables)
    texts = [text for text in fig.findobj(Text) if text.get_text()]
    plt.close(fig)
    assert min(text.get_fontsize() for text in texts) >= SMALL


def test_importing_figures_needs_no_torch_and_sets_no_style():
    code = (
        "import sys, matplotlib as mpl; before = dict(mpl.rcParams); "
        + "; ".join(f"import figures.{name}" for name in NAMES)
        + "; sys.exit('torch' in sys.modules or 'transformers' in sys.modules"
        " or before != dict(mpl.rcParams))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_seaborn_resamples_nothing():
    """No function of seaborn draws an interval of its own."""
    with_intervals = {"lineplot", "pointplot", "barplot", "relplot", "catplot"}
    users = set()
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sns."):
                users.add(path.stem)
                if node.func.attr in with_intervals:
                    given = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    assert given.get("errorbar") == "None", path.stem
    assert len(users) >= 6


def test_a_missing_column_is_one_line(results_folder, tmp_path, monkeypatch):
    roles = pd.read_csv(results_folder / "roles.csv").drop(columns="role")
    roles.to_csv(tmp_path / "roles.csv", index=False)
    with pytest.raises(SystemExit, match=r"error: .*roles\.csv: column 'role' is m"):
        draw("role_map", tmp_path, tmp_path / "out" / "role_map.pdf")
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*roles\.csv"):
        draw("role_map", tmp_path, tmp_path / "role_map.pdf")


def test_a_table_of_every_task_is_given_with_each_tasks_name(results_folder):
    def compare(roles_by_task, *, top: int = 3):
        """A figure of several tasks."""

    files = [(task, results_folder / "roles.csv") for task in ("ioi", "induction")]
    assert [of_task(f"{task}={path}") for task, path in files] == files
    tables = read_tables("roles_by_task", files)
    assert [*tables] == ["ioi", "induction"]
    assert all("probability" in table for table in tables.values())
    options = {"roles_by_task": files, "top": 3}
    assert command_line(compare, options, Path("x.pdf")) == (
        "python -m figures.test_figures --roles-by-task ioi=roles.csv "
        "--roles-by-task induction=roles.csv --top 3 --out x.pdf"
    )
