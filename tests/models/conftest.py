from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import PlantedModel
from head_patching.tasks.vocabulary import WORDS
from tests.architectures import CONFIGS, prepared, save_checkpoint  # noqa: F401
from tests.hub import Hub, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints to be served: one of each architecture, and a planted one."""
    root = tmp_path_factory.mktemp("served")
    folders = {name: save_checkpoint(name, root / name) for name in sorted(CONFIGS)}
    # Large enough for a cut in its middle to leave something to resume from.
    planted = PlantedModel("gpt2", seed=5)
    return folders | {"planted": write_planted(planted, WORDS, root / "planted")}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub, and an empty cache.

    huggingface_hub reads HF_ENDPOINT and HF_HOME when it is imported: what it made of
    them is set here instead. `test_the_command_line` sets the variables themselves.
    """
    with serving() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        files = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", running.url)
        yield running
