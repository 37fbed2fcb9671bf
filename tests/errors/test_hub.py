"""Models that cannot be had: each gives its message in docs/errors.md."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.errors.command_lines import check
from tests.hub import Hub


def edited(**changes: object) -> None:
    """Some keys of the checkpoint's config are others."""
    settings = json.loads(Path("gpt2/config.json").read_text()) | changes
    Path("gpt2/config.json").write_text(json.dumps(settings))


def renamed(file: str, name: str) -> None:
    Path("gpt2", file).rename(Path("gpt2", name))


# What is done to the checkpoint that the hub serves as some/model, and what is asked.
CASES: dict[str, tuple[Callable[[], None], str]] = {
    "a model that is not on the hub": (lambda: None, "nobody/nothing"),
    "a revision that is not on the hub": (lambda: None, "some/model@v9"),
    "a model that offers pickled weights alone": (
        lambda: renamed("model.safetensors", "pytorch_model.bin"), "some/model",
    ),
    "a model without a tokenizer": (
        lambda: renamed("tokenizer.json", "other.json"), "some/model",
    ),
    "an architecture that is not supported": (
        lambda: edited(model_type="reformer", architectures=["ReformerModel"]),
        "some/model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_model_that_cannot_be_had(name: str, place: Path, hub: Hub) -> None:
    change, asked = CASES[name]
    change()
    hub.add("some/model", Path("gpt2"))
    check(name, ["prepare-model", "--model", asked, "--out", "out"])


def test_neither_cached_nor_reachable(
    place: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    check(
        "a model that is neither cached nor reachable",
        ["prepare-model", "--model", "some/model", "--out", "out"],
    )
