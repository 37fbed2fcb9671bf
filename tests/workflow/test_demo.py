"""The demo and the example: on a planted model, and on the default one."""

import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow


def test_demo_shows_heads_with_effect_and_role(built: Workspace) -> None:
    shown = built.head_patching(
        "demo", "--model", "planted-gpt2", "--pairs", "2", "--top", "5",
        "--threshold", "0.1",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "8 layers x 8 heads = 64" in shown.stdout
    assert "Top 5 of 64 heads" in shown.stdout
    assert "heads with |effect| > 0.1" in shown.stdout
    assert "denoising" in shown.stdout
    assert "arXiv:2211.00593" in shown.stdout


@pytest.mark.slow
def test_demo_of_the_default_model(smollm2: Workspace) -> None:
    shown = smollm2.head_patching("demo", "--pairs", "2", "--top", "5")
    assert shown.returncode == 0, shown.stderr
    assert "30 layers x 9 heads = 270" in shown.stdout
    assert "Top 5 of 270 heads" in shown.stdout


@pytest.mark.slow
def test_example_runs(smollm2: Workspace) -> None:
    shown = smollm2.python("examples/head_demo.py")
    assert shown.returncode == 0, shown.stderr
    assert "Top 15 of 270 heads" in shown.stdout
    assert "L29 |" in shown.stdout
