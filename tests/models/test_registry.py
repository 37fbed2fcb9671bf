"""Names of models, and the folders of their results."""

import re

import pytest

from head_patching.models.registry import (
    MODELS,
    FolderModel,
    HubModel,
    find_source,
    short_name,
    short_names,
)


def test_hub_ids_and_revisions():
    assert find_source("a/b") == HubModel("a/b", "b", "main")
    assert find_source("a/b.c@refs/pr/1") == HubModel("a/b.c", "b.c", "refs/pr/1")


def test_registered_models_of_the_hub_are_pinned():
    hub = [source for source in MODELS.values() if isinstance(source, HubModel)]
    assert len(hub) == 2
    assert all(re.fullmatch("[0-9a-f]{40}", source.revision) for source in hub)


@pytest.mark.parametrize("name", ["", "gpt3", "a/b/c", "a/b@", "../a", "/a/b", "a b/c"])
def test_what_is_no_name(name):
    with pytest.raises(
        ValueError, match=r"unknown model .* expected one of gpt2-small"
    ):
        find_source(name)


def test_the_nearest_name_is_suggested():
    with pytest.raises(ValueError, match="did you mean 'pythia-160m'"):
        find_source("pythia-16m")


def test_folders_of_results(tmp_path, monkeypatch):
    for folder in ("my model", "figures", "a/gpt", "b/gpt"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").touch()
    monkeypatch.chdir(tmp_path)
    assert isinstance(find_source("./a/gpt"), FolderModel)
    assert short_name("my model") == "my-model"
    assert short_name(str(tmp_path / "a" / "gpt")) == "gpt"
    assert short_name("a/b@refs/pr/1") == "a--b--refs--pr--1"
    with pytest.raises(ValueError, match="results/figures/, which is not a model's"):
        short_name("./figures")
    assert short_names(["gpt2-small", "./a/gpt"]) == {
        "gpt2-small": "gpt2-small",
        "gpt": "./a/gpt",
    }
    with pytest.raises(ValueError, match="would share results/gpt/"):
        short_names(["./a/gpt", "./b/gpt"])
