"""A table, a figure, a number and a patch type are added in few places, and appear.

The chapter that all tests here share is built with the additions of `extension.py`,
which are all that a contributor changes: it must hold all four.
"""

from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow


def experiment(built: Workspace) -> Path:
    """The folder of the planted model's IOI results."""
    return built.folder / "results/planted-gpt2-redundant/ioi/s2_io_flip"


def test_the_number_is_in_the_text(built: Workspace, text: str) -> None:
    effects = pd.read_csv(experiment(built) / "effects.csv")
    outputs = effects[(effects["patch_type"] == "output")]
    raising = (outputs[outputs["direction"] == "denoising"]["effect"] >= 0).sum()
    assert f"{raising} of all heads raise it." in text


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
