"""A folder with one sound file of each kind, which each test damages as it likes."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from head_patching.files.writing import write_csv, write_dataset, write_json
from head_patching.models.loading import load_model, prepare_model
from head_patching.patching.cache import write_cache
from head_patching.patching.experiment import HeadPatcher
from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import PlantedModel
from head_patching.tasks.ioi_templates import NAMES, prompt_words
from head_patching.tasks.vocabulary import Words
from tests.architectures import random_pairs, save_checkpoint
from tests.models.conftest import hub  # noqa: F401


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one sound file of each kind."""
    folder = tmp_path_factory.mktemp("sound")
    checkpoint = save_checkpoint("gpt2", folder / "gpt2")
    prepare_model(str(checkpoint), folder / "model")
    words = Words(prompt_words(), NAMES)
    planted = PlantedModel("gpt2", 3, 0.0)
    write_planted(planted, words, folder / "planted" / "checkpoint")
    pairs = random_pairs(seed=5)
    pairs.write(folder / "pairs.jsonl")
    model = load_model(folder / "model")
    write_cache(folder / "000.safetensors", model, pairs, 0, 5)
    found = HeadPatcher(model).run(pairs)
    does_the_task = found.assign(clean_logit_diff=found["corrupt_logit_diff"] + 5)
    write_dataset(folder / "patched.nc", does_the_task)
    roles = {"layer": [0], "head": [1], "role": ["x"], "planted": ["x"], "found": ["x"]}
    write_csv(folder / "roles.csv", pd.DataFrame(roles))
    write_json(folder / "provenance.json", {"settings": {}, "runs": {}, "rules": {}})
    return folder


@pytest.fixture
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, and the working directory."""
    shutil.copytree(sound, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"
