"""Figures are found in their modules, and their tables in the signature of `draw`."""

from pathlib import Path

import pytest

from head_patching.building.figure_modules import figures

MODULES = {
    "style": "TASK = 'ioi'\ndef line(effects):\n    pass\n",
    "top_heads": "def draw(effects, roles, *, top: int = 3):\n    pass\n",
    "composition": "TASK = 'ioi'\ndef draw(composition_edges):\n    pass\n",
    "shared": "def draw(roles_by_task, overlap):\n    pass\n",
    "depth": "def draw(model_roles):\n    pass\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules that draw something, and one that does not."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_a_figure_is_drawn_for_each_task_whose_table_it_takes(folder: Path) -> None:
    assert figures(folder, ["induction", "ioi"], 1) == {
        "ioi/composition": ("composition_edges",),
        "shared": ("roles_by_task", "overlap"),
        "induction/top_heads": ("effects", "roles"),
        "ioi/top_heads": ("effects", "roles"),
    }


def test_models_are_compared_where_there_are_several(folder: Path) -> None:
    assert figures(folder, ["capitals"], 2) == {
        "depth": ("model_roles",),
        "shared": ("roles_by_task", "overlap"),
        "capitals/top_heads": ("effects", "roles"),
    }
