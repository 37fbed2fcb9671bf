"""The whole chapter for a model that lies on a hub: one line, from an empty cache."""

import json
from pathlib import Path

import pandas as pd
import pytest

from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import PlantedModel
from head_patching.tasks.vocabulary import WORDS
from tests.hub import serving

from .conftest import PLANTED, copy_of_tracked_files

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MODEL = "someone/planted"


def test_one_line_of_config_builds_the_chapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted model, so that there is a circuit that does the tasks."""
    checkpoint = write_planted(PlantedModel("gpt2", seed=5), WORDS, tmp_path / "served")
    workspace = copy_of_tracked_files(tmp_path / "copy", PLANTED)
    with serving() as hub:
        commit = hub.add(MODEL, checkpoint)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        workspace.run("--config", f"models=[{MODEL}]")
    # Each file once, from the hub alone, weights and all.
    assert len(hub.sent("model.safetensors")) == 1
    results = workspace.results()
    assert results["paper/chapter.pdf"].read_bytes().startswith(b"%PDF")
    model = json.loads(results["someone--planted/model/model.json"].read_text())
    assert model["provenance"]["revision"] == commit
    assert not [name for name in results if name.startswith("smollm2")]
    behaviour = results["someone--planted/ioi/s2_io_flip/behaviour.csv"]
    table = pd.read_csv(behaviour).set_index(["group", "run", "metric"])["mean"]
    assert table["all", "clean", "accuracy"] == 1
    numbers = pd.read_csv(results["numbers.csv"]).set_index("key")["text"]
    assert numbers["model/name"] == "planted"
    # The server is gone: what is there is still up to date.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "Nothing to be done" in workspace.run("--config", f"models=[{MODEL}]")
