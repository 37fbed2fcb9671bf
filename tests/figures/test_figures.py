"""Every figure: true size, same bytes twice, its numbers beside it, no torch."""

import importlib
import re
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from figures.command import figure_command
from figures.style import PNG_DPI, TEXT_WIDTH

TABLES_OF = {
    "attention_examples": ["attention_examples"],
    "attention_targets": ["evidence", "roles"],
    "behaviour": ["behaviour"],
    "circuit": ["circuit"],
    "composition": ["composition_edges", "roles"],
    "head_effects": ["effects"],
    "model_roles": ["model_roles"],
    "necessity_sufficiency": ["effects", "roles"],
    "patching_grid": ["effects"],
    "path_effects": ["evidence"],
    "position_effects": ["effects_by_position"],
    "prefix_matching": ["evidence", "roles"],
    "repetition": ["repetition"],
    "role_map": ["roles"],
    "top_heads": ["effects", "roles"],
    "validation_confusion": ["confusion"],
    "validation_noise": ["scores"],
    "weights_roc": ["weight_roc", "weight_agreement"],
}


def draw(name: str, folder, out) -> None:
    """Draw a figure through its command line."""
    module = importlib.import_module(f"figures.{name}")
    arguments = [
        f"--{table.replace('_', '-')}={folder / table}.csv" for table in TABLES_OF[name]
    ]
    figure_command(module.draw, [*arguments, f"--out={out}"])


@pytest.mark.parametrize("name", TABLES_OF)
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


def test_every_figure_module_is_tested():
    import figures

    modules = {
        path.stem
        for folder in figures.__path__
        for path in sorted(__import__("pathlib").Path(folder).glob("*.py"))
        if "def draw(" in path.read_text()
    }
    assert modules == set(TABLES_OF)


def test_drawing_needs_no_torch():
    code = (
        "import sys; "
        + "; ".join(f"import figures.{name}" for name in TABLES_OF)
        + "; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_column_is_one_line(results_folder, tmp_path, monkeypatch):
    roles = pd.read_csv(results_folder / "roles.csv").drop(columns="role")
    roles.to_csv(tmp_path / "roles.csv", index=False)
    with pytest.raises(SystemExit, match=r"error: .*roles\.csv: column 'role' is m"):
        draw("role_map", tmp_path, tmp_path / "out" / "role_map.pdf")
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*roles\.csv"):
        draw("role_map", tmp_path, tmp_path / "role_map.pdf")
